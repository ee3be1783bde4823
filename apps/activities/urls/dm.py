"""Decisions and work in the DM Portal, as they stand behind /dm/c/<slug>/; mounted by `portals.dm`."""

from django.urls import path

from ..views import agents, asking, by_hand, channels, costs, dm, dm_work, jobs, recurring, skills

urlpatterns = [
    path("approvals/<str:ref_id>/", dm.approval, name="approval"),
    path("approvals/<str:ref_id>/approve/", dm.approve, name="approve"),
    path("approvals/<str:ref_id>/reject/", dm.reject, name="reject"),
    path("activities/<str:ref_id>/", dm_work.activity, name="activity"),
    path("activities/<str:ref_id>/stream/", dm_work.stream, name="stream"),
    path("activities/<str:ref_id>/progress/", dm_work.progress, name="progress"),
    path("activities/<str:ref_id>/retry/", dm_work.retry, name="retry"),
    path("activities/<str:ref_id>/cancel/", dm_work.cancel, name="cancel"),
    path("activities/<str:ref_id>/done/", dm_work.done, name="done"),
    path("ask/", asking.ask, name="ask"),
    path("costs/", costs.costs, name="costs"),
    path("read-goals/", jobs.sync_goals, name="sync_goals"),
    path("exports/", jobs.exports, name="exports"),
    path("exports/<str:ref_id>/download/", jobs.download, name="download_export"),
    path("channels/", channels.channels, name="channels"),
    path("channels/<str:ref_id>/", channels.channel, name="channel"),
    path("agents/<str:ref_id>/switch/", agents.switch_agent, name="switch_agent"),
    path("activities/<str:ref_id>/published/", by_hand.published, name="published"),
    path("activities/<str:ref_id>/not-published/", by_hand.not_published, name="not_published"),
    path("skills/", skills.skills, name="skills"),
    path("new-skill/", skills.new_skill, name="new_skill"),
    path("skills/<str:name>/", skills.skill, name="skill"),
    path("skills/<str:name>/edit/", skills.edit_skill, name="edit_skill"),
    path("skills/<str:name>/switch/", skills.switch_skill, name="switch_skill"),
    path("skills/<str:name>/restore/", skills.restore_skill, name="restore_skill"),
    path("skills/<str:name>/assign/", skills.assign_skill, name="assign_skill"),
    path("recurring/", recurring.recurring, name="recurring"),
    path("recurring/<str:ref_id>/", recurring.recurring_task, name="recurring_task"),
    path("recurring/<str:ref_id>/values/", recurring.fill_values, name="fill_values"),
    path("recurring/<str:ref_id>/settings/", recurring.edit_recurring, name="edit_recurring"),
    path("recurring/<str:ref_id>/now/", recurring.spawn_now, name="spawn_now"),
]
