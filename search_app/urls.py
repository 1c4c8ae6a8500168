"""URLs of the search site."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import URLPattern, path

from search_app import first_steps, picture_views, saved, views

app_name = "search"
urlpatterns: list[URLPattern] = [
    path("", views.search_page, name="search"),
    path("complete/", views.completion, name="complete"),
    path("demo/", first_steps.demo, name="demo"),
    path("explain/", views.explain_page, name="explain"),
    path("progress/", views.progress, name="progress"),
    path("documents/<uuid:public_id>/", views.document, name="document"),
    path("documents/<uuid:public_id>/context/", views.context, name="context"),
    path("saved/", saved.saved_searches, name="saved"),
    path("saved/<uuid:public_id>/rename/", saved.rename, name="rename-saved"),
    path("saved/<uuid:public_id>/delete/", saved.delete, name="delete-saved"),
    path("sources/<uuid:public_id>/", views.source, name="source"),
    path("collections/<str:slug>/map/", picture_views.map_page, name="map"),
    path("collections/<str:slug>/map/points/", picture_views.map_points, name="map-points"),
    path("collections/<str:slug>/map/<uuid:made_as>/<int:place>/", picture_views.map_point, name="map-point"),
    path("collections/<str:slug>/similarities/", picture_views.similarities_page, name="similarities"),
    path("collections/<str:slug>/clusters/", picture_views.clusters_page, name="clusters"),
    path("collections/<str:slug>/near-duplicates/", picture_views.near_duplicates_page, name="near-duplicates"),
    path("collections/<str:slug>/outliers/", picture_views.outliers_page, name="outliers"),
    path("login/", LoginView.as_view(template_name="search_app/login.html"), name="login"),
    path("logout/", LogoutView.as_view(next_page="/"), name="logout"),
]
