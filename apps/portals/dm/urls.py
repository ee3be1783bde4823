"""Addresses of the DM Portal. Pages of one client carry its slug in the path."""

from django.urls import path  # noqa: F401

app_name = "dm"
urlpatterns: list = []
