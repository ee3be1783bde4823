"""The two definer functions of work: a run is closed once, and months get partitions. Owned by migrator_user."""

from django.db import migrations

CLOSE_RUN = """
CREATE FUNCTION close_activity_run(
  p_run uuid, p_attempt smallint, p_status text, p_error text, p_input_tokens integer, p_output_tokens integer,
  p_cost_usd numeric, p_duration_ms integer
) RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  -- The attempt is the fence: a worker whose lease went to another attempt closes nothing.
  WITH closed AS (
    UPDATE public.activity_runs r
       SET status = p_status, error = p_error, input_tokens = p_input_tokens, output_tokens = p_output_tokens,
           cost_usd = p_cost_usd, duration_ms = p_duration_ms, ended_on = now()
      FROM public.activity_leases l
     WHERE r.id = p_run AND r.status = 'running' AND r.attempt = p_attempt
       AND l.tenant_id = r.tenant_id AND l.activity_id = r.activity_id AND l.attempt = p_attempt
    RETURNING r.id)
  SELECT EXISTS (SELECT FROM closed)
$$
"""

ENSURE_PARTITION = """
CREATE FUNCTION ensure_llm_calls_partition(p_month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  first_day date := date_trunc('month', p_month);
  next_month date := first_day + interval '1 month';
  partition_name text := 'llm_calls_' || to_char(first_day, 'YYYY_MM');
  columns text;
BEGIN
  IF to_regclass('public.' || partition_name) IS NOT NULL THEN
    RETURN false;
  END IF;
  SELECT string_agg(quote_ident(attname), ', ') INTO columns FROM pg_attribute
   WHERE attrelid = 'public.llm_calls'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
  EXECUTE format('CREATE TABLE public.%I (LIKE public.llm_calls INCLUDING ALL)', partition_name);
  -- A month cannot be attached while DEFAULT holds rows of it: they move first.
  EXECUTE format(
    'WITH caught AS (DELETE FROM public.llm_calls_default WHERE created_on >= %L AND created_on < %L RETURNING %s) '
    'INSERT INTO public.%I (%s) SELECT %s FROM caught',
    first_day::timestamptz, next_month::timestamptz, columns, partition_name, columns, columns);
  EXECUTE format('ALTER TABLE public.llm_calls ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                 partition_name, first_day::timestamptz, next_month::timestamptz);
  RETURN true;
END $$
"""

CLOSE_SIGNATURE = "close_activity_run(uuid, smallint, text, text, integer, integer, numeric, integer)"

GRANTS = f"""
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'app_user') THEN
    GRANT EXECUTE ON FUNCTION {CLOSE_SIGNATURE}, ensure_llm_calls_partition(date) TO app_user;
  END IF;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("activities", "0001_initial")]
    operations = [
        migrations.RunSQL(CLOSE_RUN, f"DROP FUNCTION {CLOSE_SIGNATURE}"),
        migrations.RunSQL(ENSURE_PARTITION, "DROP FUNCTION ensure_llm_calls_partition(date)"),
        migrations.RunSQL(GRANTS, migrations.RunSQL.noop),
    ]
