-- The three users of the database, their rights by default, and the database. Run by psql as superuser: by Docker's
-- PostgreSQL when its volume is new, by `python -m devstack` at every start; so every statement may be run again.
-- Passwords come from the environment.
\set ON_ERROR_STOP on
\getenv migrator_password MIGRATOR_USER_PASSWORD
\getenv app_password APP_USER_PASSWORD
\getenv readonly_password READONLY_USER_PASSWORD

SELECT format('CREATE ROLE %I LOGIN', wanted)
FROM unnest(ARRAY['migrator_user', 'app_user', 'readonly_user']) AS wanted
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) \gexec

ALTER ROLE migrator_user CREATEDB PASSWORD :'migrator_password';
ALTER ROLE app_user PASSWORD :'app_password';
ALTER ROLE readonly_user PASSWORD :'readonly_password';

-- On the role, not in the connection: a pooler in transaction mode would refuse start-up options and leak a SET.
ALTER ROLE app_user SET statement_timeout = '30s';
ALTER ROLE app_user SET lock_timeout = '5s';
ALTER ROLE app_user SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE readonly_user SET statement_timeout = '30s';
ALTER ROLE migrator_user SET lock_timeout = '3s';
-- The function behind reporting.slow_queries runs as migrator_user and tells readonly_user what app_user's statements took.
GRANT pg_read_all_stats TO migrator_user;

-- What template1 grants, every database made later inherits, the suite's among them. A new table starts append-only:
-- UPDATE and DELETE are given table by table at the end of every migrate. readonly_user gets nothing here.
\connect template1
ALTER DEFAULT PRIVILEGES FOR ROLE migrator_user REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE migrator_user GRANT SELECT, INSERT ON TABLES TO app_user;
ALTER DEFAULT PRIVILEGES FOR ROLE migrator_user GRANT USAGE, SELECT ON SEQUENCES TO app_user;

\connect postgres
SELECT 'CREATE DATABASE leadmetrics OWNER migrator_user'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'leadmetrics') \gexec

\connect leadmetrics
SELECT 'CREATE EXTENSION IF NOT EXISTS pg_stat_statements'
WHERE EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_stat_statements') \gexec
