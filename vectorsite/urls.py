"""URLs of the whole site."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("search_app.api.urls")),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("collections_app.urls")),
    path("", include("search_app.urls")),
]
