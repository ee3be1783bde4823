"""Whether app_user may do exactly what `guards.grants` says, readonly_user read the views, and nobody anything else."""

from collections import defaultdict
from collections.abc import Iterator

from django.db.backends.utils import CursorWrapper

from . import guards, reporting
from .findings import Finding
from .guards import APP_USER
from .reporting import READER, SCHEMA
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

REPORTING = """
SELECT NULL, coalesce(r.rolname, 'PUBLIC'), p.privilege_type, p.is_grantable
  FROM pg_namespace n CROSS JOIN LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) p
  LEFT JOIN pg_roles r ON r.oid = p.grantee
 WHERE n.oid = to_regnamespace('reporting') AND p.grantee <> n.nspowner
 UNION ALL
SELECT c.relname, coalesce(r.rolname, 'PUBLIC'), p.privilege_type, p.is_grantable
  FROM pg_class c CROSS JOIN LATERAL aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) p
  LEFT JOIN pg_roles r ON r.oid = p.grantee
 WHERE c.relnamespace = to_regnamespace('reporting') AND p.grantee <> c.relowner
 UNION ALL
SELECT c.relname, coalesce(r.rolname, 'PUBLIC'), p.privilege_type || ' (' || a.attname || ')', p.is_grantable
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid CROSS JOIN LATERAL aclexplode(a.attacl) p
  LEFT JOIN pg_roles r ON r.oid = p.grantee
 WHERE c.relnamespace = to_regnamespace('reporting') AND p.grantee <> c.relowner
 UNION ALL
SELECT f.proname, coalesce(r.rolname, 'PUBLIC'), p.privilege_type, p.is_grantable
  FROM pg_proc f CROSS JOIN LATERAL aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) p
  LEFT JOIN pg_roles r ON r.oid = p.grantee
 WHERE f.pronamespace = to_regnamespace('reporting') AND p.grantee <> f.proowner
"""


def look(cursor: CursorWrapper) -> list[Finding]:
    found = [*_role(cursor, APP_USER), *_role(cursor, READER)]
    return [*found, *_relations(cursor), *_functions(cursor), *_defaults(cursor), *_reader(cursor)]


def _role(cursor: CursorWrapper, role: str) -> Iterator[Finding]:
    cursor.execute(ROLE, [role])
    row = cursor.fetchone()
    if row is None:
        yield Finding(DRIFT, f"the role {role} does not exist")
        return
    *powers, member_of, owned = row
    for name, held in zip(POWERS, powers, strict=True):
        if held:
            yield Finding(DRIFT, f"{role} {name}")
    for group in member_of:
        yield Finding(DRIFT, f"{role} is a member of {group}")
    if owned:
        yield Finding(DRIFT, f"{role} owns {owned} object(s) of the database")


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
    for name in sorted(demands.withheld - {name for name, _, is_definer, _ in standing if is_definer}):
        yield Finding(DRIFT, f"{name} does not exist, or does not run as its owner")
    for name, _, is_definer, pins_path in standing:
        if is_definer and not pins_path:
            yield Finding(DRIFT, f"{name} runs as its owner and does not fix its search_path")


def _reader(cursor: CursorWrapper) -> Iterator[Finding]:
    """readonly_user uses the schema, selects from its views, calls the one function behind them, and nobody else may."""
    asked = {(None, READER, "USAGE"), (reporting.FUNCTION, READER, "EXECUTE")}
    asked |= {(view.name, READER, "SELECT") for view in reporting.views()}
    cursor.execute(REPORTING)
    rows = cursor.fetchall()
    for name, grantee, privilege, is_grantable in sorted(rows, key=str):
        place = f"{SCHEMA}.{name}" if name else SCHEMA
        if (name, grantee, privilege) not in asked:
            yield Finding(DRIFT, f"{grantee} may {privilege}", place)
        elif is_grantable:
            yield Finding(DRIFT, f"{grantee} may pass on {privilege}", place)
    for name, grantee, privilege in sorted(asked - {row[:3] for row in rows}, key=str):
        yield Finding(DRIFT, f"{grantee} may not {privilege}", f"{SCHEMA}.{name}" if name else SCHEMA)
    cursor.execute(FUNCTIONS, [READER])
    for name, may_execute, _, _ in cursor.fetchall():
        if may_execute:
            yield Finding(DRIFT, f"{READER} may call {name}")


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
