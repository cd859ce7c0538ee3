"""Evidently's part of the report, which has to be asked for."""

from drawn_pictures import Given, drawn

from include.dataset.evidently_part import evidently_page
from include.dataset.page import PageHead, render_page
from include.dataset.report import report_on

EVIL = "</script><script>alert(1)</script>"


def test_it_shows_new_images_beside_labelled_ones_in_a_frame_without_rights():
    given = Given()
    for seed in range(8):
        given.add(drawn(seed), label=(EVIL, "b")[seed % 2])
    found = given.looked_at()
    of_labelled = evidently_page(found.images)
    given.add(drawn(9), label=None, side="new")

    page = render_page(found, report_on(found), PageHead(name="a", about="b"), evidently=evidently_page(found.images))

    assert "brightness" in of_labelled
    assert EVIL not in of_labelled
    assert 'sandbox="allow-scripts allow-downloads"' in page
    assert "<script" not in page  # but in the frame's text
    assert "default-src 'none'" in page
