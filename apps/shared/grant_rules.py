"""Whether app_user may do exactly what `guards.grants` says, and nothing else in this database."""

from collections import defaultdict
from collections.abc import Iterator

from django.db.backends.utils import CursorWrapper

from . import guards
from .findings import Finding
from .guards import APP_USER
from .schema_rules import demands, stored

DRIFT = "grant_drift"
BY_DEFAULT = {"SELECT", "INSERT"}  # a new table starts append-only; partitions stay so
SEQUENCE = {"USAGE", "SELECT"}
POWERS = (  # in the order of ROLE's columns
    "is a superuser",
    "may create databases",
    "may create roles",
    "may replicate",
    "passes row security",
    "may create in schema public",
    "may create schemas",
)

ROLE = """
SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls,
       has_schema_privilege(oid, 'public', 'CREATE'), has_database_privilege(oid, current_database(), 'CREATE'),
       ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid),
       (SELECT count(*) FROM pg_shdepend d JOIN pg_database b ON b.oid = d.dbid AND b.datname = current_database()
         WHERE d.refobjid = r.oid AND d.deptype = 'o')
  FROM pg_roles r WHERE rolname = %s
"""
# What an extension brought along is its own business.
RELATIONS = """
SELECT c.relname, c.relkind::text, coalesce(r.rolname, 'PUBLIC'), p.privilege_type, p.is_grantable
  FROM pg_class c
 CROSS JOIN LATERAL aclexplode(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) p
  LEFT JOIN pg_roles r ON r.oid = p.grantee
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND p.grantee <> c.relowner
   AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = c.oid AND e.deptype = 'e')
"""
EVERY_RELATION = """
SELECT c.relname, c.relkind::text FROM pg_class c
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
   AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = c.oid AND e.deptype = 'e')
"""
COLUMN_GRANTS = """
SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
 WHERE c.relnamespace = 'public'::regnamespace AND a.attacl IS NOT NULL
"""
FUNCTIONS = """
SELECT f.proname, has_function_privilege(%s, f.oid, 'EXECUTE'), f.prosecdef,
       coalesce(f.proconfig, '{}') && ARRAY['search_path=pg_catalog, public', 'search_path=pg_catalog']
  FROM pg_proc f
 WHERE f.pronamespace = 'public'::regnamespace
   AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = f.oid AND e.deptype = 'e')
"""
DEFAULTS = """
SELECT d.defaclobjtype::text, coalesce(r.rolname, 'PUBLIC'), p.privilege_type
  FROM pg_default_acl d CROSS JOIN LATERAL aclexplode(d.defaclacl) p LEFT JOIN pg_roles r ON r.oid = p.grantee
 WHERE d.defaclnamespace = 0 AND p.grantee <> d.defaclrole
   AND d.defaclrole = (SELECT relowner FROM pg_class WHERE oid = 'public.tenants'::regclass)
"""
HAS_DEFAULTS = """
SELECT defaclobjtype::text FROM pg_default_acl
 WHERE defaclnamespace = 0 AND defaclrole = (SELECT relowner FROM pg_class WHERE oid = 'public.tenants'::regclass)
"""


def look(cursor: CursorWrapper) -> list[Finding]:
    cursor.execute(ROLE, [APP_USER])
    role = cursor.fetchone()
    if role is None:
        return [Finding(DRIFT, f"the role {APP_USER} does not exist")]
    return [*_role(role), *_relations(cursor), *_functions(cursor), *_defaults(cursor)]


def _role(row: tuple) -> Iterator[Finding]:
    *powers, member_of, owned = row
    for name, held in zip(POWERS, powers, strict=True):
        if held:
            yield Finding(DRIFT, f"{APP_USER} {name}")
    for group in member_of:
        yield Finding(DRIFT, f"{APP_USER} is a member of {group}")
    if owned:
        yield Finding(DRIFT, f"{APP_USER} owns {owned} object(s) of the database")


def _relations(cursor: CursorWrapper) -> Iterator[Finding]:
    wanted = {model._meta.db_table: guards.grants(model) for model in stored()}
    cursor.execute(RELATIONS)
    held = defaultdict(set)
    for table, _, grantee, privilege, is_grantable in cursor.fetchall():
        if grantee == APP_USER:
            held[table].add(privilege)
            if is_grantable:
                yield Finding(DRIFT, f"{APP_USER} may pass on {privilege}", table)
        else:
            yield Finding(DRIFT, f"{grantee} may {privilege}", table)
    cursor.execute(EVERY_RELATION)
    for table, kind in sorted(cursor.fetchall()):
        asked = SEQUENCE if kind == "S" else wanted.get(table, BY_DEFAULT)
        for privilege in sorted(held[table] - asked):
            yield Finding(DRIFT, f"{APP_USER} may {privilege}", table)
        for privilege in sorted(asked - held[table]):
            yield Finding(DRIFT, f"{APP_USER} may not {privilege}", table)
    cursor.execute(COLUMN_GRANTS)
    for table, column in cursor.fetchall():
        yield Finding(DRIFT, f"column {column} has grants of its own", table)


def _functions(cursor: CursorWrapper) -> Iterator[Finding]:
    cursor.execute(FUNCTIONS, [APP_USER])
    standing = cursor.fetchall()
    executable = {name for name, may_execute, _, _ in standing if may_execute}
    for name in sorted(demands.functions - executable):
        yield Finding(DRIFT, f"{APP_USER} may not call {name}, or it does not exist")
    for name in sorted(executable - demands.functions):
        yield Finding(DRIFT, f"{APP_USER} may call {name}")
    for name, _, is_definer, pins_path in standing:
        if is_definer and not pins_path:
            yield Finding(DRIFT, f"{name} runs as its owner and does not fix its search_path")


def _defaults(cursor: CursorWrapper) -> Iterator[Finding]:
    """A table made tomorrow must start with SELECT and INSERT, a function with nothing for anybody."""
    cursor.execute(DEFAULTS)
    held = {(kind, grantee, privilege) for kind, grantee, privilege in cursor.fetchall()}
    asked = {("r", APP_USER, p) for p in BY_DEFAULT} | {("S", APP_USER, p) for p in SEQUENCE}
    kinds = {"r": "tables", "S": "sequences", "f": "functions"}
    for kind, grantee, privilege in sorted(held - asked):
        yield Finding(DRIFT, f"by default {grantee} gets {privilege} on new {kinds.get(kind, kind)}")
    for kind, grantee, privilege in sorted(asked - held):
        yield Finding(DRIFT, f"by default {grantee} does not get {privilege} on new {kinds[kind]}")
    cursor.execute(HAS_DEFAULTS)
    if ("f",) not in cursor.fetchall():
        yield Finding(DRIFT, "by default PUBLIC may execute new functions")
