"""Plans, subscriptions, invoices, payments, credit notes and events: what PostgreSQL itself refuses to store."""

from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models import IntegerField
from django.utils import timezone

from apps.billing import operations as billing
from apps.billing import seeds
from apps.billing.models import (
    BillingEffect,
    BillingEvent,
    CreditBalance,
    CreditLedgerEntry,
    CreditNote,
    CreditTopupOrder,
    Invoice,
    Payment,
    Plan,
    Subscription,
)
from apps.billing.statuses import INVOICE_MOVES, SUBSCRIPTION_MOVES
from apps.shared.actors import Actor
from apps.strategy.statuses import DeliverableType
from tests.activities.work import together
from tests.conftest import World

AT = datetime(2026, 11, 1, 6, tzinfo=UTC)
SYSTEM = Actor.system("tests")
WORK = "01M7Z00000000000000000000A"


@contextmanager
def refused_by(constraint: str):
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        yield
    assert error.value.__cause__.diag.constraint_name == constraint


def subscription(**changes) -> Subscription:
    plan = Plan.objects.get(key="pro")
    return Subscription.objects.create(**{"plan": plan, "created_on": AT, **changes})


def invoice(**changes) -> Invoice:
    row = {
        "period_start": date(2026, 11, 1),
        "period_end": date(2026, 11, 30),
        "subtotal_inr": 1_000_00,
        "igst_inr": 180_00,
        "total_inr": 1_180_00,
        "created_on": AT,
    }
    return Invoice.objects.create(**{**row, **changes})


def issued(**changes) -> Invoice:
    return INVOICE_MOVES.perform(
        invoice(**changes),
        "issue",
        by=SYSTEM,
        at=AT,
        number="INV-2026-11-0001",
        issued_on=AT,
        due_on=date(2026, 11, 30),
    )


def payment(**changes) -> Payment:
    row = {"razorpay_payment_id": "pay_1", "amount_inr": 1_180_00, "created_on": AT}
    return Payment.objects.create(**{**row, **changes})


def credit_note(of: Invoice, **changes) -> CreditNote:
    row = {
        "number": "CN-2026-11-0001",
        "invoice": of,
        "subtotal_inr": 100_00,
        "igst_inr": 18_00,
        "total_inr": 118_00,
        "reason": "One post fewer",
        "issued_on": AT,
        "created_on": AT,
    }
    return CreditNote.objects.create(**{**row, **changes})


def order(**changes) -> CreditTopupOrder:
    row = {"credits": 10, "amount_inr": 500_00, "gst_inr": 90_00, "expires_on": AT, "created_on": AT}
    return CreditTopupOrder.objects.create(**{**row, **changes})


def balance(**changes) -> CreditBalance:
    row = {
        "period_start": date(2026, 11, 1),
        "period_end": date(2026, 11, 30),
        "credits_monthly": 10,
        "next_reset_on": AT + timedelta(days=30),
        "created_on": AT,
    }
    return CreditBalance.objects.create(**{**row, **changes})


def entry(**changes) -> CreditLedgerEntry:
    row = {"entry_type": "allocated", "amount": 1, "balance_after": 1, "idempotency_key": "k", "created_on": AT}
    return CreditLedgerEntry.objects.create(**{**row, **changes})


def event(**changes) -> BillingEvent:
    row = {"event_type": "payment.captured", "razorpay_entity_id": "pay_1", "external_event_id": "evt_1"}
    return BillingEvent.objects.create(**{**row, "created_on": AT, **changes})


# Statuses: what may become what. That PostgreSQL allows these pairs and no other is shown for all tables alike.

INVOICES = "draft>pending draft>cancelled pending>paid pending>overdue pending>cancelled overdue>paid overdue>cancelled"
TOPUP_ORDERS = "created>paid created>failed created>expired failed>paid expired>paid paid>refunded"
SUBSCRIPTIONS = """
    created>authenticated created>active created>expired created>cancelled
    authenticated>active authenticated>expired authenticated>cancelled
    active>pending active>paused active>completed active>cancelled
    pending>active pending>halted pending>cancelled
    halted>active halted>cancelled
    paused>active paused>cancelled
"""
PAYMENTS = """
    created>authorized created>captured created>failed authorized>captured authorized>failed failed>captured
    captured>refunded
"""


@pytest.mark.parametrize(
    ("model", "pairs"),
    [
        pytest.param(CreditTopupOrder, TOPUP_ORDERS, marks=pytest.mark.acceptance("SM-credit_topup_orders")),
        pytest.param(Invoice, INVOICES, marks=pytest.mark.acceptance("SM-invoices")),
        pytest.param(Payment, PAYMENTS, marks=pytest.mark.acceptance("SM-payments")),
        pytest.param(Subscription, SUBSCRIPTIONS, marks=pytest.mark.acceptance("SM-subscriptions")),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_statuses_become_what_they_may_and_nothing_else(model, pairs):
    assert {f"{old}>{new}" for old, new in model.moves.allowed_pairs()} == set(pairs.split())


# Plans


def test_bootstrap_puts_four_plans_on_sale_with_gst_of_18_per_cent(db):
    rows = Plan.objects.order_by("price_inr").values_list("key", "version", "price_inr", "credits_monthly", "is_active")

    assert list(rows) == [
        ("free", 1, 0, 10, True),
        ("pro", 1, 1_499_900, 50, True),
        ("agency", 1, 4_999_900, 250, True),
        ("enterprise", 1, 14_999_900, 1_000, True),
    ]
    assert set(Plan.objects.values_list("gst_percent", flat=True)) == {seeds.GST_PERCENT}
    assert billing.seed_plans(at=timezone.now()) == 0


def test_plans_promise_deliverables_there_are_and_a_dearer_one_promises_no_less(db):
    promised = [set(terms.features) for terms in seeds.PLANS]

    assert set.union(*promised) == set(DeliverableType.values)
    assert all(less <= more for less, more in zip(promised, promised[1:], strict=False))


@pytest.mark.acceptance("plans")
@pytest.mark.parametrize(
    "change",
    [
        {"price_inr": 1},
        {"gst_percent": 5},
        {"credits_monthly": 1_000_000},
        {"max_users": None},
        {"features": []},
        {"grace_period_days": 99},
        {"version": 9},
        {"name": "Other"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_terms_of_a_version_never_change(db, change):
    with refused_by("guard_immutable"):
        Plan.objects.filter(key="pro").update(**change)

    assert Plan.objects.get(key="pro").price_inr == 1_499_900


@pytest.mark.acceptance("plans")
def test_other_terms_are_another_version_and_the_old_one_leaves_the_sale(db):
    terms = {name: getattr(Plan.objects.get(key="pro"), name) for name in Plan.fixed}

    Plan.objects.filter(key="pro").update(is_active=False)
    with refused_by("uniq_plans_version"):
        Plan.objects.create(**terms, created_on=AT)
    Plan.objects.create(**{**terms, "version": 2, "price_inr": 1_599_900}, created_on=AT)

    rows = Plan.objects.filter(key="pro").order_by("version").values_list("version", "price_inr", "is_active")
    assert list(rows) == [(1, 1_499_900, False), (2, 1_599_900, True)]


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"version": 0}, "plans_version_from_1"),
        ({"gst_percent": -1}, "plans_gst_in_range"),
        ({"gst_percent": 101}, "plans_gst_in_range"),
        ({"price_inr": -1}, "plans_numbers_not_negative"),
        ({"max_channels": -1}, "plans_numbers_not_negative"),
        ({"key": "gold"}, "plans_key_listed"),
    ],
    ids=str,
)
def test_a_plan_that_cannot_be_is_refused(db, change, constraint):
    terms = {name: getattr(Plan.objects.get(key="pro"), name) for name in Plan.fixed}

    with refused_by(constraint):
        Plan.objects.create(**{**terms, "version": 2, **change}, created_on=AT)


# Subscriptions


@pytest.mark.acceptance("subscriptions")
def test_a_client_has_one_open_subscription(acme):
    first = subscription()
    with refused_by("uniq_subscriptions_open"):
        subscription()

    SUBSCRIPTION_MOVES.perform(first, "cancel", by=SYSTEM, at=AT)
    subscription()

    assert sorted(Subscription.objects.values_list("status", flat=True)) == ["cancelled", "created"]


@pytest.mark.acceptance("subscriptions")
def test_subscriptions_of_two_clients_do_not_meet_but_razorpays_id_is_of_one(world):
    with world.at("drafts"):
        subscription(razorpay_subscription_id="sub_1")
    with world.at("rival"):
        with refused_by("subscriptions_razorpay_subscription_id_key"):
            subscription(razorpay_subscription_id="sub_1")
        assert subscription(razorpay_subscription_id="sub_2").status == "created"


@pytest.mark.parametrize(
    "change",
    [
        {"current_start_on": AT},
        {"current_end_on": AT},
        {"current_start_on": AT, "current_end_on": AT - timedelta(seconds=1)},
    ],
    ids=["without an end", "without a beginning", "backwards"],
)
def test_a_paid_period_is_whole(acme, change):
    with refused_by("subscriptions_period_whole"):
        subscription(**change)

    assert subscription(current_start_on=AT, current_end_on=AT + timedelta(days=30)).plan.key == "pro"


# Invoices and credit notes


@pytest.mark.acceptance("invoices")
@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"total_inr": 1_180_01}, "invoices_total_is_the_sum"),
        ({"cgst_inr": 90_00, "total_inr": 1_270_00}, "invoices_one_kind_of_gst"),
        ({"period_end": date(2026, 10, 31)}, "invoices_end_after_start"),
        ({"number": "2026/11/1"}, "invoices_number_shape"),
        ({"number": "INV-2026-13-0001"}, "invoices_number_shape"),
        ({"status": "pending"}, "invoices_issued_is_numbered"),
        ({"subtotal_inr": -180_00, "total_inr": 0}, "invoices_numbers_not_negative"),
        ({"reminders_sent": -1}, "invoices_numbers_not_negative"),
    ],
    ids=str,
)
def test_an_invoice_that_cannot_be_is_refused(acme, change, constraint):
    with refused_by(constraint):
        invoice(**change)

    assert Invoice.objects.count() == 0


def test_inside_the_state_an_invoice_has_cgst_and_sgst(acme):
    assert invoice(igst_inr=0, cgst_inr=90_00, sgst_inr=90_00).total_inr == 1_180_00


def test_a_draft_may_change_and_has_no_number(acme):
    draft = invoice()
    Invoice.objects.filter(pk=draft.pk).update(subtotal_inr=2_000_00, igst_inr=360_00, total_inr=2_360_00)

    assert Invoice.objects.get().total_inr == 2_360_00
    assert invoice().number is None


@pytest.mark.acceptance("invoices")
@pytest.mark.parametrize("column", Invoice.fixed)
def test_once_issued_an_invoice_keeps_every_word_and_figure(acme, column):
    row = issued()
    others = {"number": "INV-2026-11-0002", "gstin": "29ABCDE1234F1Z5", "notes": "Other", "lines": [1]}
    other = others.get(column, 1 if column.endswith("_inr") else AT + timedelta(days=400))

    with refused_by("guard_immutable"):
        Invoice.objects.update(**{column: other})

    assert getattr(Invoice.objects.get(), column) == getattr(row, column)


@pytest.mark.acceptance("SM-invoices")
def test_an_issued_invoice_moves_and_says_when_it_was_paid(acme):
    row = issued()
    with refused_by("invoices_paid_says_when"):
        INVOICE_MOVES.perform(row, "mark_paid", by=SYSTEM, at=AT)

    Invoice.objects.update(reminders_sent=1, pdf_s3_key="key")
    INVOICE_MOVES.perform(row, "mark_overdue", by=SYSTEM, at=AT)
    paid = INVOICE_MOVES.perform(row, "mark_paid", by=SYSTEM, at=AT, paid_on=AT)

    assert (paid.status, paid.paid_on) == ("paid", AT)
    with refused_by("guard_immutable"):
        Invoice.objects.update(pdf_s3_key="another")


def test_a_number_is_of_one_invoice_over_all_clients(world):
    with world.at("drafts"):
        issued()
    with world.at("rival"), refused_by("invoices_number_key"):
        issued()


@pytest.mark.acceptance("credit_notes")
def test_credit_notes_never_exceed_their_invoice(acme):
    row = issued()
    credit_note(row, subtotal_inr=900_00, igst_inr=162_00, total_inr=1_062_00)
    with refused_by("guard_credit_notes"):
        credit_note(row, number="CN-2026-11-0002", igst_inr=18_01, total_inr=118_01)
    credit_note(row, number="CN-2026-11-0003")

    with refused_by("guard_credit_notes"):
        credit_note(row, number="CN-2026-11-0004", subtotal_inr=1, igst_inr=0, total_inr=1)
    assert sum(CreditNote.objects.values_list("total_inr", flat=True)) == 1_180_00


def test_credit_notes_in_one_statement_are_counted_together(acme):
    row = issued()
    half = {"invoice": row, "subtotal_inr": 600_00, "total_inr": 600_00, "issued_on": AT, "created_on": AT}

    with refused_by("guard_credit_notes"):
        CreditNote.objects.bulk_create([CreditNote(number=f"CN-2026-11-000{n}", **half) for n in (1, 2)])

    assert CreditNote.objects.count() == 0


@pytest.mark.acceptance("credit_notes")
def test_credit_notes_written_at_once_do_not_each_find_room(own_database):
    with World().at("drafts"):
        row = issued()

        answers = together(
            *[
                lambda n=n: credit_note(
                    row, number=f"CN-2026-11-00{n:02}", subtotal_inr=500_00, igst_inr=0, total_inr=500_00
                )
                for n in range(10, 18)
            ]
        )

        assert sum(isinstance(answer, CreditNote) for answer in answers) == 2
        assert {type(a) for a in answers if not isinstance(a, CreditNote)} == {IntegrityError}
        assert sum(CreditNote.objects.values_list("total_inr", flat=True)) == 1_000_00


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"total_inr": 1}, "credit_notes_total_is_the_sum"),
        ({"cgst_inr": 9_00, "total_inr": 127_00}, "credit_notes_one_kind_of_gst"),
        ({"number": "INV-2026-11-0001"}, "credit_notes_number_shape"),
        ({"subtotal_inr": -18_00, "total_inr": 0}, "credit_notes_numbers_not_negative"),
    ],
    ids=str,
)
def test_a_credit_note_that_cannot_be_is_refused(acme, change, constraint):
    row = issued()

    with refused_by(constraint):
        credit_note(row, **change)

    assert CreditNote.objects.count() == 0


# Payments and events


@pytest.mark.acceptance("payments")
@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"refunded_inr": -1}, "payments_refund_in_range"),
        ({"refunded_inr": 1_180_01}, "payments_refund_in_range"),
        ({"status": "captured"}, "payments_captured_says_when"),
        ({"status": "failed"}, "payments_failed_says_when"),
    ],
    ids=str,
)
def test_a_payment_that_cannot_be_is_refused(acme, change, constraint):
    with refused_by(constraint):
        payment(**change)

    assert Payment.objects.count() == 0


@pytest.mark.acceptance("payments")
def test_a_payment_is_stored_once_and_keeps_its_amount(acme):
    payment(invoice=issued(), refunded_inr=1_180_00)

    with refused_by("payments_razorpay_payment_id_key"):
        payment()
    for change in ({"amount_inr": 1_180_01}, {"currency": "USD"}, {"razorpay_payment_id": "pay_2"}):
        with refused_by("guard_immutable"):
            Payment.objects.update(**change)
    assert Payment.objects.values_list("amount_inr", "currency").get() == (1_180_00, "INR")


@pytest.mark.acceptance("billing_events")
def test_an_event_is_kept_once_over_all_clients(world):
    with world.at("drafts"):
        event(payload={"event": "payment.captured"})
    with world.at("rival"):
        with refused_by("billing_events_external_event_id_key"):
            event()
        assert BillingEvent.objects.count() == 0


@pytest.mark.acceptance("billing_effects")
def test_two_events_that_mean_the_same_have_one_effect(acme):
    first, second = event(), event(external_event_id="evt_2", event_type="order.paid")
    BillingEffect.objects.create(
        external_entity_id="pay_1", effect="credits given", billing_event=first, applied_on=AT, created_on=AT
    )

    with refused_by("uniq_billing_effects_effect"):
        BillingEffect.objects.create(
            external_entity_id="pay_1", effect="credits given", billing_event=second, applied_on=AT, created_on=AT
        )

    assert BillingEffect.objects.get().billing_event == first


# Credits


@pytest.mark.acceptance("credit_balances")
@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"period_end": date(2026, 10, 31)}, "credit_balances_end_after_start"),
        ({"credits_topup": -1}, "credit_balances_not_negative"),
        ({"credits_reserved": -1}, "credit_balances_not_negative"),
        ({"credits_reserved": 6, "credits_consumed": 5}, "credit_balances_available_not_negative"),
    ],
    ids=str,
)
def test_a_balance_that_cannot_be_is_refused(acme, change, constraint):
    with refused_by(constraint):
        balance(**change)

    assert balance(credits_reserved=5, credits_consumed=5).available == 0


@pytest.mark.acceptance("credit_balances")
def test_a_client_has_one_balance_per_period(acme):
    balance()

    with refused_by("uniq_credit_balances_period"):
        balance()


@pytest.mark.acceptance("credit_ledger")
@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"amount": 0}, "credit_ledger_amount_has_its_sign"),
        ({"entry_type": "reserved", "activity_ref": WORK}, "credit_ledger_amount_has_its_sign"),
        ({"entry_type": "released", "activity_ref": WORK, "amount": -1}, "credit_ledger_amount_has_its_sign"),
        ({"entry_type": "consumed", "activity_ref": WORK, "amount": -1}, "credit_ledger_amount_has_its_sign"),
        ({"entry_type": "adjusted", "amount": 0}, "credit_ledger_amount_has_its_sign"),
        ({"entry_type": "reserved", "amount": -1}, "credit_ledger_work_is_named"),
        ({"entry_type": "topped_up"}, "credit_ledger_order_is_named"),
        ({"balance_after": -1}, "credit_ledger_balance_not_negative"),
    ],
    ids=str,
)
def test_an_entry_that_cannot_be_is_refused(acme, change, constraint):
    with refused_by(constraint):
        entry(**change)

    assert CreditLedgerEntry.objects.count() == 0


@pytest.mark.acceptance("credit_ledger")
def test_a_key_stands_in_the_ledger_once_and_an_order_gives_credits_once(acme):
    bought = order()
    entry(entry_type="topped_up", topup_order=bought)

    with refused_by("credit_ledger_idempotency_key_key"):
        entry()
    with refused_by("uniq_credit_ledger_topped_up"):
        entry(entry_type="topped_up", topup_order=bought, idempotency_key="another")

    assert CreditLedgerEntry.objects.count() == 1


@pytest.mark.acceptance("credit_topup_orders")
def test_an_order_keeps_what_was_ordered_and_says_when_it_was_paid(acme):
    order(razorpay_order_id="order_1")

    for change in ({"credits": 11}, {"amount_inr": 1}, {"gst_inr": 0}, {"razorpay_order_id": "order_2"}):
        with refused_by("guard_immutable"):
            CreditTopupOrder.objects.update(**change)
    with refused_by("credit_topup_orders_paid_says_when"):
        order(status="paid")
    with refused_by("credit_topup_orders_credits_from_1"):
        order(credits=0)
    with refused_by("credit_topup_orders_money_not_negative"):
        order(gst_inr=-1)
    with refused_by("credit_topup_orders_razorpay_order_id_key"):
        order(razorpay_order_id="order_1")

    assert CreditTopupOrder.objects.values_list("credits", "status").get() == (10, "created")


@pytest.mark.acceptance("MISC-paise")
def test_amounts_are_whole_paise_and_shown_as_rupees(acme, sam):
    amounts = [model._meta.get_field("amount_inr") for model in (BillingEvent, CreditTopupOrder, Payment)]
    assert {type(field) for field in amounts} == {IntegerField}
    order(amount_inr=1_234_56)

    assert "₹1,234.56" in sam.get("/manage/billing/credittopuporder/").text
