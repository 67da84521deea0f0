from django.urls import path

from chat import views

app_name = "chat"

urlpatterns = [
    path("service_worker.js", views.service_worker, name="service_worker"),
    path("<slug:slug>", views.guest_page, name="guest_page"),
    path("<slug:slug>/manifest.webmanifest", views.manifest, name="manifest"),
]
