"""Erasing what a cancelled client left, append-only tables included. Only the owner may call these functions."""

from django.db import migrations

ROWS_OF_TENANT = """
CREATE FUNCTION rows_of_tenant(p_table text, p_tenant uuid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public AS $$
-- «public.goals WHERE tenant_id = …», for a cancelled client and a table of clients only.
BEGIN
  IF NOT EXISTS (SELECT FROM public.tenants t WHERE t.id = p_tenant AND t.status = 'cancelled') THEN
    RAISE EXCEPTION 'there is no cancelled client %', p_tenant USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  -- People stay, emptied: other rows of the platform name them. A partition is emptied through its table.
  IF p_table = 'users' OR NOT EXISTS (
    SELECT FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
     WHERE c.relnamespace = 'public'::regnamespace AND c.relname = p_table AND c.relkind IN ('r', 'p')
       AND NOT c.relispartition AND a.atttypid = 'uuid'::regtype) THEN
    RAISE EXCEPTION '% is no table of clients', p_table USING ERRCODE = 'undefined_table';
  END IF;
  RETURN format('public.%I WHERE tenant_id = %L', p_table, p_tenant);
END $$
"""

ERASE_ROWS = """
CREATE FUNCTION erase_rows(p_table text, p_tenant uuid, p_batch integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
-- Up to p_batch rows of the client; 0 means that none is left.
DECLARE
  theirs text := public.rows_of_tenant(p_table, p_tenant);
  gone bigint;
BEGIN
  SET CONSTRAINTS ALL IMMEDIATE;  -- else a key of another table is heard of at the commit only
  BEGIN
    -- Newest first: a row that refers to one of its own table was made after it.
    EXECUTE format('DELETE FROM %1$s AND id IN (SELECT id FROM %1$s ORDER BY id DESC LIMIT %2$s)', theirs, p_batch);
    GET DIAGNOSTICS gone = ROW_COUNT;
  EXCEPTION WHEN foreign_key_violation THEN
    -- Nearly always, that is; otherwise all go in one statement, at whose end the keys are looked at.
    EXECUTE 'DELETE FROM ' || theirs;
    GET DIAGNOSTICS gone = ROW_COUNT;
  END;
  RETURN gone;
END $$
"""

WITHHELD = "REVOKE ALL ON FUNCTION rows_of_tenant(text, uuid), erase_rows(text, uuid, integer) FROM PUBLIC"


class Migration(migrations.Migration):
    dependencies = [("shared", "0003_text_lists_and_digests")]
    operations = [
        migrations.RunSQL(ROWS_OF_TENANT, "DROP FUNCTION rows_of_tenant(text, uuid)"),
        migrations.RunSQL(ERASE_ROWS, "DROP FUNCTION erase_rows(text, uuid, integer)"),
        migrations.RunSQL(WITHHELD, migrations.RunSQL.noop),
    ]
