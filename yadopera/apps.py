from django.apps import AppConfig


class YadoperaConfig(AppConfig):
    name = "yadopera"

    def ready(self) -> None:
        from yadopera import checks  # noqa: F401  (registers itself)
