"""URLs that machines ask."""

from django.urls import URLPattern, path

from collections_app import views

app_name = "health"
urlpatterns: list[URLPattern] = [
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
]
