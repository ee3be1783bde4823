from django.urls import path

from .views import ContractViewSet, MeViewSet

urlpatterns = [
    path("me/", MeViewSet.as_view({"get": "retrieve"}), name="me"),
    path("contract/", ContractViewSet.as_view({"get": "retrieve"}), name="contract"),
    path("contract/accept/", ContractViewSet.as_view({"post": "accept"}), name="contract-accept"),
]
