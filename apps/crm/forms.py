"""What people hand over and choose when they import leads or look for some."""

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

from .bodies import NAMES, ImportPlan, problem_of
from .csv_files import CsvFile
from .statuses import LeadSource, LeadStatus

SAMPLES = 3
LONGEST_SAMPLE = 40


class LeadFilter(forms.Form):
    status = forms.ChoiceField(choices=[("", ""), *LeadStatus.choices], required=False)
    source = forms.ChoiceField(choices=[("", ""), *LeadSource.choices], required=False)
    q = forms.CharField(max_length=255, required=False)


class UploadForm(forms.Form):
    file = forms.FileField(
        label="CSV file",
        help_text="Up to 10 MB and 100,000 rows. The first row names the columns; one holds e-mail addresses or phone numbers.",
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,text/csv"}),
        allow_empty_file=True,  # what is wrong with it is said by whoever reads it
        error_messages={"required": "Choose a file."},
    )


class ColumnsForm(forms.Form):
    """Where each column of a file goes; the fields are `column_0` and so on, in the order of the file."""

    country_code = forms.CharField(
        label="Country code of phone numbers that name none",
        required=False,
        max_length=4,
        validators=[RegexValidator(r"\A\+?[1-9][0-9]{0,2}\Z", "Enter one to three digits, such as 91.")],
        help_text="Put before numbers without a + or 00 at their beginning. Left empty, such numbers are kept as they are"
        " typed, and no lead is recognised by them.",
        widget=forms.TextInput(attrs={"inputmode": "tel", "class": "max-w-24"}),
    )

    def __init__(self, *args, file: CsvFile, **kwargs):
        super().__init__(*args, **kwargs)
        choices = [("", "Not imported"), *NAMES.items()]
        self._columns = [f"column_{number}" for number in range(len(file.columns))]
        for number, name in enumerate(self._columns):
            label = file.columns[number] or f"Column {number + 1}"
            self.fields[name] = forms.ChoiceField(label=label, choices=choices, required=False)

    def clean(self):
        chosen = super().clean()
        if not self.errors and (problem := problem_of(self.targets)):
            raise ValidationError(problem)
        return chosen

    @property
    def targets(self) -> list[str]:
        return [self.cleaned_data.get(name, "") for name in self._columns]

    @property
    def plan(self) -> ImportPlan:
        """Of a valid form."""
        return ImportPlan(targets=self.targets, country_code=self.cleaned_data["country_code"].removeprefix("+"))

    def rows(self, first: list[list[str]]) -> list[dict]:
        """{field, samples} of each column, `first` being the first rows of the file."""
        rows = []
        for number, name in enumerate(self._columns):
            cells = [
                " ".join(cells[number].split()) for cells in first if number < len(cells) and cells[number].strip()
            ]
            samples = [cell if len(cell) <= LONGEST_SAMPLE else f"{cell[:LONGEST_SAMPLE]}…" for cell in cells[:SAMPLES]]
            rows.append({"field": self[name], "samples": samples})
        return rows
