"""Django's admin with Manage as its site."""

from django.contrib.admin.apps import AdminConfig


class ManageConfig(AdminConfig):
    default_site = "apps.tenants.doors.admin.ManageSite"
