from django.urls import path

from chat import views

app_name = "chat"

urlpatterns = [path("<slug:slug>", views.guest_page, name="guest_page")]
