"""Every address: the front door, the API, the admin, the guests' pages."""

from django.contrib import admin
from django.urls import include, path

from facilities import account
from facilities.views import Choose, Chosen, Sent
from nightqueue.views import acknowledge, setup, setup_of
from yadopera import views
from yadopera.api import api
from yadopera.health_page import health_page

handler400 = views.bad_request
handler403 = views.forbidden
handler404 = views.not_found
handler500 = views.server_error

urlpatterns = [
    path("", views.index, name="index"),
    path("docs", views.docs, name="docs"),
    path("openapi.json", views.openapi, name="openapi"),
    path("metrics", views.metrics, name="metrics"),
    path("api/v1/health", views.health, name="health"),
    path("api/v1/ready", views.ready, name="ready"),
    path("api/v1/", api.urls),
    path("admin/login/", views.admin_login),
    path("admin/code/", views.admin_code, name="sign_in_code"),
    path("admin/invitation/<str:token>/", views.admin_invitation, name="invitation"),
    # By these names Django's templates find them.
    path("admin/password_reset/", views.admin_forgotten, name="admin_password_reset"),
    path("admin/password_reset/done/", Sent.as_view(), name="password_reset_done"),
    path("admin/reset/<uidb64>/<token>/", Choose.as_view(), name="password_reset_confirm"),
    path("admin/reset/done/", Chosen.as_view(), name="password_reset_complete"),
    path("admin/account/", admin.site.admin_view(account.account), name="account"),
    path("admin/account/second-factor/", views.admin_second_factor, name="second_factor"),
    path("admin/account/backup-codes/", views.admin_codes, name="backup_codes"),
    path(
        "admin/account/without-second-factor/",
        views.admin_without_second_factor,
        name="without_second_factor",
    ),
    path(
        "admin/account/devices/<int:number>/sign-out/",
        admin.site.admin_view(account.sign_out_device),
        name="sign_out_device",
    ),
    path("admin/password_change/", views.admin_password),
    path("admin/help/", admin.site.admin_view(views.help_box), name="help"),
    path("admin/help/<slug:name>/", admin.site.admin_view(views.help_page), name="help_page"),
    path("admin/setup/", admin.site.admin_view(setup), name="setup"),
    path("admin/setup/<slug:slug>/", admin.site.admin_view(setup_of), name="setup_of"),
    path("admin/health/", admin.site.admin_view(health_page), name="health_page"),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("f/", include("chat.urls")),
    path("seen/<str:token>", acknowledge, name="acknowledge"),
]
