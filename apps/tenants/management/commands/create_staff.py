"""The first super admin, and any further member of the platform's own staff."""

import os

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.shared.actors import Actor
from apps.shared.errors import InvalidInput
from apps.shared.scoping import tenant_scope
from apps.tenants import operations
from apps.tenants.models import User
from apps.tenants.statuses import STAFF_ROLES


class Command(BaseCommand):
    help = "Create a super admin or reviewer. The password is read from the environment, never from the command line."

    def add_arguments(self, parser):
        parser.add_argument("--email", required=True)
        parser.add_argument("--name", required=True)
        parser.add_argument("--role", choices=[str(role) for role in STAFF_ROLES], default="super_admin")
        parser.add_argument(
            "--password-variable", default="DEMO_PASSWORD", help="environment variable with the password"
        )
        parser.add_argument("--if-missing", action="store_true", help="do nothing when the address has an account")

    def handle(self, *args, **options):
        if options["if_missing"] and User.objects.filter(email=options["email"].lower()).exists():
            return
        password = os.environ.get(options["password_variable"], "")
        if not password:
            raise CommandError(f"Set {options['password_variable']} to the new account's password.")
        try:
            with tenant_scope():
                user = operations.create_staff(
                    email=options["email"],
                    name=options["name"],
                    role=options["role"],
                    password=password,
                    by=Actor.system("command.create_staff"),
                    at=timezone.now(),
                )
        except InvalidInput as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"  {user.get_role_display()} {user.email} created.")
