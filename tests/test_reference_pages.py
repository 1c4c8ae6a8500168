"""The pages that are made from the code say what the code says: `make reference` writes them anew."""

from pathlib import Path

from documentation.reference import DOCS, commands_page, environment_page, write


def test_the_page_of_commands_says_what_their_help_says() -> None:
    assert (DOCS / "commands.md").read_text(encoding="utf-8") == commands_page(), "run `make reference`"


def test_the_page_of_the_environment_says_what_the_settings_read() -> None:
    assert (DOCS / "environment.md").read_text(encoding="utf-8") == environment_page(), "run `make reference`"


def test_every_command_option_and_variable_has_an_explanation(tmp_path: Path) -> None:
    write(tmp_path)

    rows = [row for page in tmp_path.glob("*.md") for row in page.read_text(encoding="utf-8").splitlines()]
    assert [
        row for row in rows if row.startswith("| `") and row.rstrip(" |").endswith("`") and row.endswith("|  |")
    ] == []
