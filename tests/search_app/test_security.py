"""What browsers are told that pages may do."""

from django.test import Client

from collections_app.models import Collection


def test_the_policy_forbids_inline_code_and_other_hosts(client: Client, films: Collection) -> None:
    for address in ("/", "/?q=space", "/login/", "/progress/?collection=films", "/nothing-of-the-kind/"):
        policy = client.get(address).headers["Content-Security-Policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
        assert "unsafe" not in policy


def test_the_policy_of_the_admin_forbids_inline_code_and_other_hosts_too(admin_client: Client) -> None:
    for address in ("/admin/", "/admin/login/", "/admin/nothing-of-the-kind/"):
        policy = admin_client.get(address).headers["Content-Security-Policy"]
        assert "default-src 'none'; script-src 'self' 'unsafe-eval';" in policy
        assert "http" not in policy
