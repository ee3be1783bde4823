"""How people, clients and contracts are shown, and what accepting a contract takes."""

from rest_framework import serializers

from apps import storage

from ..doors.rows import Person, Row
from ..doors.strict import Digest, Flag, Input
from ..models import Contract, Tenant


class TenantSerializer(Row):
    tenant = None

    class Meta:
        model = Tenant
        fields = ["ref_id", "slug", "name", "status", "plan", "timezone", "currency", "contract_accepted_on"]


class MeSerializer(serializers.Serializer):
    ref_id = serializers.CharField(source="user.ref_id", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)
    email = serializers.EmailField(source="user.email", read_only=True)
    role = serializers.CharField(source="user.role", read_only=True)
    app_access = serializers.ListField(source="user.app_access", child=serializers.CharField(), read_only=True)
    timezone = serializers.CharField(source="user.timezone", read_only=True, allow_null=True)
    tenants = TenantSerializer(many=True, read_only=True, help_text="Your client; for staff, those you may choose.")
    csrf_token = serializers.CharField(read_only=True, help_text="For the header X-CSRFToken of every POST and PATCH.")


class ContractSerializer(Row):
    version = serializers.CharField(source="template_version", read_only=True)
    sha256 = serializers.CharField(source="pdf_sha256", read_only=True, help_text="Of the PDF; accepting names it.")
    accepted_by = Person(read_only=True, allow_null=True)
    pdf_url = serializers.SerializerMethodField(help_text="The PDF itself, for 15 minutes.")

    class Meta:
        model = Contract
        fields = [
            "ref_id",
            "tenant",
            "version",
            "status",
            "sha256",
            "generated_on",
            "accepted_on",
            "accepted_by",
            "pdf_url",
        ]

    def get_pdf_url(self, contract) -> str:
        return storage.contracts.url(
            contract.pdf_s3_key,
            version_id=contract.pdf_version_id,
            file_name=f"contract-{contract.template_version}.pdf",
        )


class Acceptance(Input):
    shown_sha256 = Digest(help_text="`sha256` of the contract that was read.")
    agree = Flag(help_text="Must be true.")

    def validate_agree(self, agree: bool) -> bool:
        if not agree:
            raise serializers.ValidationError("Nothing begins before you agree.")
        return agree
