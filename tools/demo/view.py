"""What the demonstration prints: a line a keyword as it is heard or missed, and the summary."""

from rich.console import Console
from rich.table import Table

from tools.bench_live.score import Event, Scorer


class View:
    """Follows the app's output beside what was said. Plain lines, so that a log of it reads as well as a terminal."""

    def __init__(self, console: Console, scorer: Scorer):
        self.console = console
        self.scorer = scorer
        self._told = set()
        self._lead = [i for i, word in enumerate(scorer.words) if word.keyword]
        console.print(f"[dim]{'time':>9}   {'said':<34} {'heard':<8} score[/dim]")

    def event(self, event: Event) -> None:
        """A detection came."""
        self.until(event[2])
        index = self.scorer.add(event)
        keyword, score, time_s = event
        if index is None and self.scorer.words:
            self._line(time_s, "", f"[red]{keyword:<8}[/red] {score:.2f}  [red]false accept[/red]")
        elif index is None:
            self._line(time_s, "", f"[green]{keyword:<8}[/green] {score:.2f}")
        else:
            self._told.add(index)
            self._line(time_s, self._said(index), f"[green]{keyword:<8}[/green] {score:.2f}")

    def until(self, time_s: float) -> None:
        """Nothing more comes about what was said more than a moment before `time_s`."""
        for index in self._lead:
            word = self.scorer.words[index]
            if index not in self._told and word.end_s + self.scorer.latest_s < time_s:
                self._told.add(index)
                self._line(word.start_s, self._said(index), "[yellow]missed[/yellow]")

    def _said(self, index: int) -> str:
        words = self.scorer.words
        before = words[index - 1].text + ", " if index and not words[index - 1].keyword else ""
        return f"{before}[bold]{words[index].text}[/bold]" + " " * max(0, 34 - len(before + words[index].text))

    def _line(self, time_s: float, said: str, heard: str) -> None:
        self.console.print(f"{time_s:7.2f} s   {said or ' ' * 34} {heard}", highlight=False)


def summary(figures: dict[str, str]) -> Table:
    """Names and values of the summary."""
    table = Table(show_header=False, title="summary")
    for name, value in figures.items():
        table.add_row(name, value)
    return table
