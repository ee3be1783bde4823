"""One client at every stage of the first journey, made through the product's own operations.

stage      what waits
created    the contract is ready, the admin has not joined
signed     contract accepted; the crawl is due
context    the context file waits for the reviewer
strategy   the strategy waits for the client
topics     two topics wait for the reviewer
drafts     two drafts wait for the reviewer
client     two drafts wait for the client
live       both posts are published
"""

from dataclasses import dataclass

from django.utils import timezone

from apps.activities import operations as work
from apps.activities import tasks
from apps.activities.models import Approval
from apps.channels import operations as channels
from apps.shared.actors import Actor
from apps.shared.scoping import every_tenant, tenant_scope
from apps.tenants import operations as tenants
from apps.tenants.doors.tasks import deliver
from apps.tenants.models import Contract, Invitation, Tenant, User

PASSWORD = "a passphrase nobody guesses 7"
STAGES = ("created", "signed", "context", "strategy", "topics", "drafts", "client", "live")
WORDPRESS_PASSWORD = "rehearsal application password"


@dataclass(frozen=True)
class Cast:
    """The people of one client, and the client."""

    tenant: Tenant
    alice: User
    mark: User | None


def run_world(rounds: int = 200) -> None:
    """Let agents work and deliveries be made until nothing is due."""
    for _ in range(rounds):
        if not tasks.work() + deliver():
            return
    raise AssertionError("The world does not come to rest.")


def make_staff() -> tuple[User, User]:
    """Sam and Rita."""
    with tenant_scope():
        by, at = Actor.system("tests"), timezone.now()
        return (
            tenants.create_staff(
                email="sam@leadmetrics.test", name="Sam Iyer", role="super_admin", password=PASSWORD, by=by, at=at
            ),
            tenants.create_staff(
                email="rita@leadmetrics.test", name="Rita Rao", role="reviewer", password=PASSWORD, by=by, at=at
            ),
        )


def make_client(slug: str, stage: str, *, sandbox_url: str, sam: User, rita: User) -> Cast:
    """A client named after its slug, brought to the stage; Rita reviews it."""
    at, by = timezone.now(), Actor.human(sam)
    domain = f"{slug}.test"
    with every_tenant(reason="a test makes a client"):
        wanted = tenants.NewClient(
            name=slug.replace("-", " ").title(),
            slug=slug,
            admin_name="Alice Ahuja",
            admin_email=f"alice@{domain}",
            website=f"{sandbox_url}/site/harbour-coffee/",
            industry="Coffee",
        )
        tenant = tenants.create_tenant(wanted, by=by, at=at)
        tenants.assign_reviewer(tenant, rita, by=by, at=at)
        deliver()
        cast = Cast(tenant, User.objects.get(email=f"alice@{domain}"), None)
    if stage == "created":
        return cast
    with tenant_scope(tenant.facts):
        alice = tenants.accept_invitation(Invitation.objects.get(email=f"alice@{domain}"), password=PASSWORD, at=at)
        tenants.invite_user(
            tenant, name="Mark Menon", email=f"mark@{domain}", role="member", by=Actor.human(alice), at=at
        )
        mark = tenants.accept_invitation(Invitation.objects.get(email=f"mark@{domain}"), password=PASSWORD, at=at)
        channels.connect_wordpress(
            tenant.id,
            channels.WordPressSite("Company blog", f"{sandbox_url}/wordpress/acme", "editor", WORDPRESS_PASSWORD),
            by=by,
            at=at,
        )
        contract = Contract.objects.get()
        tenants.accept_contract(contract, by=Actor.human(alice), at=timezone.now(), shown_sha256=contract.pdf_sha256)
    tenant.refresh_from_db()
    cast = Cast(tenant, alice, mark)
    if stage == "signed":
        return cast
    run_world()
    for following, person in (
        ("strategy", rita),
        ("topics", alice),
        ("drafts", rita),
        ("client", rita),
        ("live", alice),
    ):
        if STAGES.index(stage) < STAGES.index(following):
            break
        decide_all(tenant, person)
        run_world()
    return cast


def decide_all(tenant: Tenant, person: User) -> None:
    """Approve whatever waits for this person's role."""
    role = "admin" if person.tenant_id else "reviewer"
    with tenant_scope(tenant.facts):
        for approval in Approval.objects.filter(status="pending", required_role=role).order_by("ref_id"):
            work.grant_approval(
                approval, by=Actor.human(person), at=timezone.now(), shown_sha256=approval.content_sha256
            )


def populate(sandbox_url: str) -> None:
    """Everything the template database holds beyond bootstrap."""
    sam, rita = make_staff()
    for stage in STAGES:
        make_client(f"acme-{stage}", stage, sandbox_url=sandbox_url, sam=sam, rita=rita)
    make_client("rival", "drafts", sandbox_url=sandbox_url, sam=sam, rita=rita)
    tasks.roll_up_costs()
