"""Global skills in Manage. They are documents and no rows, so their pages stand beside those of the admin."""

from django.contrib import admin
from django.urls import path

from ..admin import skills

app_name = "manage_skills"

urlpatterns = [
    path("", admin.site.admin_view(skills.skills), name="list"),
    path("add/", admin.site.admin_view(skills.add_skill), name="add"),
    path("s/<str:name>/", admin.site.admin_view(skills.skill), name="skill"),
    path("s/<str:name>/edit/", admin.site.admin_view(skills.edit_skill), name="edit"),
    path("s/<str:name>/switch/", admin.site.admin_view(skills.switch_skill), name="switch"),
    path("s/<str:name>/restore/<int:version>/", admin.site.admin_view(skills.restore_skill), name="restore"),
]
