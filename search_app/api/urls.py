"""URLs of the search for programs. The framework looks them up in a namespace that is not inside of another one."""

from django.urls import path

from search_app.api.application import endpoints

urlpatterns = [path("api/v1/", endpoints)]
