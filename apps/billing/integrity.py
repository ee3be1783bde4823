"""What must hold of credits at rest; `verify_integrity` looks at it for each client."""

# An entry counts in the balance that is the next to be reset; what closes work counts where the work was begun. Work takes
# what its entries come to: it is set aside while one reservation more was made than closed, and used otherwise.
CREDIT_DRIFT = """
WITH entries AS (
  SELECT e.id, e.amount, e.activity_ref, e.entry_type, e.created_on,
         coalesce((SELECT max(r.created_on) FROM credit_ledger r
                    WHERE r.tenant_id = e.tenant_id AND r.activity_ref = e.activity_ref AND r.entry_type = 'reserved'
                      AND r.created_on <= e.created_on AND e.entry_type IN ('consumed', 'released')),
                  e.created_on) AS counts_on
    FROM credit_ledger e WHERE e.tenant_id = %(tenant)s),
placed AS (
  SELECT e.*, (SELECT b.id FROM credit_balances b WHERE b.tenant_id = %(tenant)s AND b.next_reset_on > e.counts_on
                ORDER BY b.next_reset_on LIMIT 1) AS balance_id
    FROM entries e),
work AS (
  SELECT balance_id, sum(amount) AS amount,
         CASE WHEN count(*) FILTER (WHERE entry_type = 'reserved') > count(*) FILTER (WHERE entry_type <> 'reserved')
              THEN (array_agg(amount ORDER BY created_on DESC, id DESC) FILTER (WHERE entry_type = 'reserved'))[1]
              ELSE 0 END AS set_aside
    FROM placed WHERE entry_type IN ('reserved', 'consumed', 'released') GROUP BY balance_id, activity_ref),
due AS (
  SELECT balance_id, sum(granted) AS granted, sum(reserved) AS reserved, sum(consumed) AS consumed FROM (
    SELECT balance_id, amount AS granted, 0 AS reserved, 0 AS consumed
      FROM placed WHERE entry_type NOT IN ('reserved', 'consumed', 'released')
    UNION ALL
    SELECT balance_id, 0, -set_aside, set_aside - amount FROM work) AS parts
   GROUP BY balance_id),
held AS (
  SELECT id, ref_id, credits_monthly + credits_topup AS granted, credits_reserved AS reserved, credits_consumed AS consumed
    FROM credit_balances WHERE tenant_id = %(tenant)s)
SELECT 'credit_balances', held.ref_id,
       format('given %%s, set aside %%s, used %%s; the ledger gives %%s, %%s and %%s',
              coalesce(held.granted::text, 'nothing'), coalesce(held.reserved, 0), coalesce(held.consumed, 0),
              coalesce(due.granted, 0), coalesce(due.reserved, 0), coalesce(due.consumed, 0))
  FROM held FULL JOIN due ON due.balance_id = held.id
 WHERE held.id IS NULL
    OR (held.granted, held.reserved, held.consumed)
       <> (coalesce(due.granted, 0), coalesce(due.reserved, 0), coalesce(due.consumed, 0))
"""
RULES = [("credit_drift", CREDIT_DRIFT)]
