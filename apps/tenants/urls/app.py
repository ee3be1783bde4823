"""The contract in the client dashboard; mounted by `portals.app`."""

from django.urls import path

from ..views import app

urlpatterns = [
    path("contract/", app.contract, name="contract"),
    path("contract/pdf/", app.contract_pdf, name="contract_pdf"),
    path("contract/accept/", app.accept_contract, name="accept_contract"),
]
