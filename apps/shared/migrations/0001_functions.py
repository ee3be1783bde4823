"""The SQL side of ids, and the guard functions. They come before any table: generated columns and triggers call them."""

from django.db import migrations

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def character(index: int) -> str:
    """SQL for character `index` of the 26: five bits of the 128, after two leading zero bits."""
    first = 5 * index - 2
    bits = []
    for bit in range(max(first, 0), first + 5):
        weight = 1 << (first + 4 - bit)
        # get_bit numbers bits from the right within each byte
        bits.append(f"get_bit(b, {bit // 8 * 8 + 7 - bit % 8}) * {weight}")
    return f"substr('{ALPHABET}', 1 + {' + '.join(bits)}, 1)"


ULID_TEXT = f"""
CREATE FUNCTION ulid_text(id uuid) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  -- no SET clause: it would keep PostgreSQL from inlining the expression into every insert
  SELECT {" || ".join(character(i) for i in range(26))} FROM (SELECT uuid_send(id) AS b) AS bytes
$$
"""

ULID_UUID = """
CREATE FUNCTION ulid_uuid() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE SET search_path = pg_catalog AS $$
  -- 48 bits of milliseconds, then 80 of the random bits of a version 4 UUID (its fixed bits are left out)
  SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0')
          || substr(r, 1, 12) || substr(r, 25, 8))::uuid
  FROM (SELECT replace(gen_random_uuid()::text, '-', '') AS r) AS random
$$
"""

GUARD_MOVES = """
CREATE FUNCTION guard_moves() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
  was text := to_jsonb(OLD) ->> TG_ARGV[0];
  becomes text := to_jsonb(NEW) ->> TG_ARGV[0];
BEGIN
  IF NOT EXISTS (SELECT FROM public.allowed_moves m WHERE m.table_name = TG_TABLE_NAME AND m.column_name = TG_ARGV[0]
                 AND m.old_value = was AND m.new_value = becomes) THEN
    RAISE EXCEPTION '%.%: % -> % is not a listed move', TG_TABLE_NAME, TG_ARGV[0], was, becomes
      USING ERRCODE = 'check_violation', CONSTRAINT = 'guard_moves';
  END IF;
  RETURN NEW;
END $$
"""

GUARD_IMMUTABLE = """
CREATE FUNCTION guard_immutable() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
  before jsonb := to_jsonb(OLD);
  after jsonb := to_jsonb(NEW);
  argument text;
  column_name text;
BEGIN
  FOREACH argument IN ARRAY TG_ARGV LOOP
    column_name := regexp_replace(argument, '^once:', '');
    CONTINUE WHEN before -> column_name IS NOT DISTINCT FROM after -> column_name;
    CONTINUE WHEN argument LIKE 'once:%' AND coalesce(before ->> column_name, '') = '';
    RAISE EXCEPTION '%.% never changes', TG_TABLE_NAME, column_name
      USING ERRCODE = 'check_violation', CONSTRAINT = 'guard_immutable';
  END LOOP;
  RETURN NEW;
END $$
"""

GUARD_APPEND_ONLY = """
CREATE FUNCTION guard_append_only() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$
"""

GUARD_USER_KEYS = """
CREATE FUNCTION guard_user_keys() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
  after jsonb := to_jsonb(NEW);
  column_name text;
BEGIN
  FOREACH column_name IN ARRAY TG_ARGV LOOP
    CONTINUE WHEN after ->> column_name IS NULL;
    IF EXISTS (SELECT FROM public.users u WHERE u.id = (after ->> column_name)::uuid
               AND u.tenant_id IS NOT NULL AND u.tenant_id IS DISTINCT FROM NEW.tenant_id) THEN
      RAISE EXCEPTION '%.% names a user of another tenant', TG_TABLE_NAME, column_name
        USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'guard_user_keys';
    END IF;
  END LOOP;
  RETURN NEW;
END $$
"""

GRANTS = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'app_user') THEN
    GRANT EXECUTE ON FUNCTION ulid_text(uuid), ulid_uuid() TO app_user;
  END IF;
END $$
"""



class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.RunSQL(sql, f"DROP FUNCTION {signature}")
        for sql, signature in (
            (ULID_TEXT, "ulid_text(uuid)"),
            (ULID_UUID, "ulid_uuid()"),
            (GUARD_MOVES, "guard_moves()"),
            (GUARD_IMMUTABLE, "guard_immutable()"),
            (GUARD_APPEND_ONLY, "guard_append_only()"),
            (GUARD_USER_KEYS, "guard_user_keys()"),
        )
    ] + [migrations.RunSQL(GRANTS, migrations.RunSQL.noop)]
