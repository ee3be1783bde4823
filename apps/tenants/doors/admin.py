"""The frame of Manage: who enters, the scope, refusals; and the base of every page in it.

A page of Manage is a window: lists and records are read only, statuses included. Whatever changes something is a `Task`:
one address, at most one form, one operation. Nothing here saves a form or writes Django's own admin log; the operation
journals, and the journal is the log.

    @admin.register(Channel)
    class ChannelAdmin(ManageAdmin):
        list_display = (column("name"), column("status"))
        sections = (("Channel", ("name", "status")),)
        add = Task("add", "Add a WordPress site", "channel.connect", add_wordpress, form=WordPressForm)
        tasks = (Task("test", "Test connection", "channel.connect", test_connection),)
"""

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

from allauth.account.decorators import secure_admin_login
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import ShowFacets, helpers
from django.contrib.auth.views import LogoutView
from django.core.exceptions import BadRequest
from django.db import DataError
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.admin import ModelAdmin
from unfold.dataclasses import SearchResult
from unfold.sites import UnfoldAdminSite

from apps.shared import locks
from apps.shared.errors import InvalidInput, NotFound, OperationRefused
from apps.shared.lookups import by_ref
from apps.shared.scoping import every_tenant

from ..models import Tenant
from ..permissions import require
from . import portal
from .admin_display import address_of, label_of, list_of, value_of
from .admin_forms import ManageForm
from .admin_lists import KeysetList, searched
from .admin_tasks import Panel, Task, scope_of

CHANGED_AT_ONCE = 100  # rows one action may take; a page shows fewer


class ManageSite(UnfoldAdminSite):
    """Super admins only, signed in through allauth; every view works over all clients."""

    site_title = site_header = "Leadmetrics"
    index_title = "Needs you"
    index_template = "manage/home.html"
    enable_nav_sidebar = True

    def __init__(self, name: str = "admin"):
        super().__init__(name)
        self._actions = {}  # Django's own deletes rows

    def register(self, model_or_iterable, admin_class=None, **options):
        """Pages of packages are left out: they would write past operations and journal, or show secrets."""
        if admin_class is not None and issubclass(admin_class, ManageAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def unregister(self, model_or_iterable):
        """Some packages take others' pages away first; there is nothing to take."""

    def has_permission(self, request):
        return request.user.is_authenticated and request.user.is_staff

    def admin_view(self, view, cacheable=False):
        guarded = super().admin_view(self.framed(view), cacheable)

        @wraps(view)
        def enter(request, *args, **kwargs):
            if request.user.is_authenticated and not self.has_permission(request):
                raise Http404  # absent and forbidden look the same
            return guarded(request, *args, **kwargs)

        return enter

    def framed(self, view: Callable) -> Callable:
        @wraps(view)
        def frame(request: HttpRequest, *args, **kwargs) -> HttpResponse:
            request.actor = portal.actor_of(request)
            try:
                with (
                    every_tenant(reason="Manage works over all clients"),
                    timezone.override(portal.zone_of(request.user, ())),
                ):
                    response = locks.repeated(lambda: view(request, *args, **kwargs))
                    if isinstance(response, TemplateResponse):
                        response.render()  # its querysets are read while it renders
            except NotFound as error:
                raise Http404 from error
            except OperationRefused as error:
                return self.refused(request, error)
            except DataError as error:
                raise BadRequest("A value is outside what can be asked for.") from error
            # unfold's Alpine evaluates expressions: the one relaxation of the policy, for pages inside Manage only
            response._csp_update = {"script-src": ["'unsafe-eval'"]}
            return response

        return frame

    def refused(self, request: HttpRequest, error: OperationRefused) -> HttpResponse:
        """After a POST back to where the person was, with the sentence; a page that cannot be shown says so itself."""
        back = request.headers.get("Referer", "")
        here = {request.get_host()}
        if request.method != "POST" or not url_has_allowed_host_and_scheme(
            back, here, require_https=request.is_secure()
        ):
            return portal.refused(request, error)
        messages.error(request, error.detail)
        return HttpResponseRedirect(back)

    def get_urls(self):
        left_out = {
            "view_on_site",
            "autocomplete",
            "password_change_done",
        }  # they speak of primary keys, or go round allauth
        return [url for url in super().get_urls() if getattr(url, "name", None) not in left_out]

    def login(self, request, extra_context=None):
        return secure_admin_login(lambda staff: redirect("admin:index"))(request)

    def logout(self, request, extra_context=None):
        return LogoutView.as_view(next_page=settings.LOGIN_URL)(request)

    def password_change(self, request, extra_context=None):
        return redirect("account_change_password")

    def search(self, request, extra_context=None):
        """Ctrl-K: sections by name, clients by short name, any reference of a client."""
        term = request.GET.get("s", "").replace("\x00", "").strip()[:100]
        results = []
        if term:
            for group in self.get_sidebar_list(request):
                for item in group["items"]:
                    if term.lower() in str(item["title"]).lower():
                        results.append(
                            SearchResult(item["title"], group["title"] or "", str(item["link"]), item["icon"])
                        )
            for tenant in searched(Tenant.objects.order_by("slug"), term, ("slug",))[:10]:
                results.append(SearchResult(tenant.name, f"Client {tenant.slug}", address_of(tenant), "apartment"))
        context = {"results": results, "page_counter": 0}
        return TemplateResponse(request, "manage/search_results.html", context, headers={"HX-Trigger": "search"})


class ManageAdmin(ModelAdmin):
    """A list and read-only pages by ref_id; `add` and `tasks` are all that changes anything."""

    add: Task | None = None
    tasks: tuple[Task, ...] = ()
    sections: tuple[tuple[str, tuple[str, ...]], ...] = ()  # (title, fields or methods) of a row's page
    finds_by: tuple[str, ...] = ()  # indexed columns whose beginning the search box finds, beside the reference
    called = ""  # what people call these rows, in the plural; the model's own name otherwise
    empty = "Nothing here yet."

    ordering = ("-ref_id",)
    sortable_by = ()
    search_fields = ("ref_id",)  # shows the box; `searched` does the work
    search_help_text = "Reference"
    list_per_page = 40  # a page of the widest list stays below 60 kB
    list_max_show_all = 0
    list_disable_select_all = True
    list_fullwidth = True
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    view_on_site = False
    change_list_template = "manage/list.html"
    actions = ()
    media = forms.Media()

    @property
    def plural(self) -> str:
        return self.called or str(self.opts.verbose_name_plural).capitalize()

    # Who may.

    def has_view_permission(self, request, obj=None):
        return self.admin_site.has_permission(request)

    def has_add_permission(self, request):
        return self.add is not None

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def has_module_permission(self, request):
        return self.admin_site.has_permission(request)

    def log_addition(self, request, obj, message):
        """The journal is the log."""

    log_change = log_addition

    def log_deletions(self, request, queryset):
        """The journal is the log."""

    # Addresses.

    def get_urls(self):
        name, view = f"{self.opts.app_label}_{self.opts.model_name}", self.admin_site.admin_view
        urls = [path("", view(self.changelist_view), name=f"{name}_changelist")]
        if self.add:
            urls.append(path("add/", view(self.add_view), name=f"{name}_add"))
        urls.append(path("<str:ref_id>/", view(self.row_view), name=f"{name}_change"))
        urls += [
            path(f"<str:ref_id>/{task.name}/", view(self._task_view(task)), name=f"{name}_{task.name}")
            for task in self.tasks
        ]
        return urls

    # The list.

    def get_changelist(self, request, **kwargs):
        return KeysetList

    def lookup_allowed(self, lookup, value, request=None):
        """Only the filters on offer: others could ask a column about its secrets, letter by letter."""
        offered = set()
        for item in self.list_filter:
            name = item if isinstance(item, str) else getattr(item, "parameter_name", "")
            offered |= {name, f"{name}__exact"}
        return lookup in offered

    def get_search_results(self, request, queryset, search_term):
        return searched(queryset, search_term, self.finds_by), False

    def get_actions(self, request):
        if not request.user.is_authenticated:
            return {}
        return {task.name: (task.run, task.name, task.label) for task in self.tasks if task.for_many}

    def changelist_view(self, request, extra_context=None):
        context = {"crumbs": [(self.plural, "")], "title": self.plural, **(extra_context or {})}
        return super().changelist_view(request, context)

    def response_action(self, request, queryset):
        """One task on the chosen rows, one by one: each is done or refused by itself, and the list says which."""
        task = next((task for task in self.tasks if task.for_many and task.name == request.POST.get("action")), None)
        refs = set(request.POST.getlist(helpers.ACTION_CHECKBOX_NAME))
        if task is None or len(refs) > CHANGED_AT_ONCE:
            messages.warning(request, f"Choose an action and at most {CHANGED_AT_ONCE} rows.")
            return HttpResponseRedirect(request.get_full_path())
        require(request.actor, task.needs)
        rows = list(self.get_queryset(request).filter(ref_id__in=refs).order_by("ref_id"))
        if len(rows) != len(refs):
            raise NotFound
        if task.asks and "sure" not in request.POST:
            context = {**self._context(request, task.label, None), "task": task, "form": ManageForm(), "rows": rows}
            return TemplateResponse(request, "manage/task.html", {**context, "back": request.get_full_path()})
        for row in rows:
            try:
                with scope_of(row):
                    task.run(request, row)
            except OperationRefused as error:
                messages.error(request, f"{self.title_of(row)}: {error.detail}")
        return HttpResponseRedirect(request.get_full_path())

    # A row.

    def row(self, request, ref_id: str) -> Any:
        return by_ref(self.get_queryset(request), ref_id)

    def title_of(self, row) -> str:
        return str(row)

    def panels(self, request, row) -> Iterable[Panel]:
        return ()

    def links(self, row) -> Sequence[tuple[str, str]]:
        """(label, address) of pages elsewhere that begin at this row."""
        return ()

    def row_view(self, request, ref_id):
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        row = self.row(request, ref_id)
        sections = [
            (title, [(label_of(name, self), value_of(row, name, self)) for name in names])
            for title, names in self.sections
        ]
        context = {
            **self._context(request, self.title_of(row), row),
            "row": row,
            "sections": sections,
            "panels": list(self.panels(request, row)),
            "tasks": [(task, address_of(row, task.name)) for task in self.tasks if task.when(row)],
            "links": self.links(row),
        }
        return TemplateResponse(request, "manage/row.html", context)

    def add_view(self, request):
        return self._perform(request, self.add, None, list_of(self.model))

    def _task_view(self, task: Task) -> Callable:
        def view(request, ref_id):
            row = self.row(request, ref_id)
            return self._perform(request, task, row, address_of(row))

        return view

    def _perform(self, request, task: Task, row, back: str) -> HttpResponse:
        """Show the task's form or question; when posted, run it and go on to the row."""
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        require(request.actor, task.needs)
        posted = request.method == "POST"
        initial = {**task.initial(row), **({} if posted else self.asked_for(request, task))}
        form = (task.form or ManageForm)(request.POST if posted else None, row=row, initial=initial)
        status = 200
        if posted:
            status = 422
            if form.is_valid():
                try:
                    with scope_of(row):
                        following = task.run(request, row, **form.cleaned_data)
                    return HttpResponseRedirect(back if following is None else address_of(following))
                except OperationRefused as error:
                    if task.form is None:
                        raise
                    status = error.http_status
                    told = error.errors if isinstance(error, InvalidInput) else {"": [error.detail]}
                    for name, texts in told.items():
                        form.add_error(name if name in form.fields else None, texts)
        context = {**self._context(request, task.label, row), "task": task, "form": form, "back": back, "row": row}
        return TemplateResponse(request, "manage/task.html", context, status=status)

    def asked_for(self, request, task: Task) -> dict[str, str]:
        """What a link to the form has filled in already."""
        return {name: value for name, value in request.GET.items() if task.form and name in task.form.base_fields}

    def _context(self, request, title: str, row) -> dict[str, Any]:
        crumbs = [(self.plural, list_of(self.model))]
        if row is not None and title != self.title_of(row):
            crumbs.append((self.title_of(row), address_of(row)))
        request.current_app = self.admin_site.name
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "crumbs": [*crumbs, (title, "")],
            "is_fullwidth": "1",
        }
