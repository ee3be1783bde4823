"""Addresses that need no sign-in: the invitation."""

from django.urls import path

from ..views import public

urlpatterns = [path("invitation/<str:token>/", public.invitation, name="invitation")]
