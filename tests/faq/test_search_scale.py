"""Other inns' texts change nothing about an inn's searches."""

from tests.bench_search import ask, copy_inn, make_inn


def test_an_inn_among_many_finds_what_it_finds_alone(db):
    from facilities.models import Facility

    inn, questions = make_inn()
    alone = ask([inn], questions)
    copy_inn(inn, 19)
    others = list(Facility.objects.filter(slug__startswith="inn-").order_by("-pk")[:3])

    among = ask([inn, *others], questions)

    assert alone["hits"] > 0.9
    assert among["hits"] == alone["hits"]
