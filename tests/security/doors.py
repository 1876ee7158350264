"""What an attacker has before the running system: a role's token, or nothing at all."""

from dataclasses import dataclass
from types import MappingProxyType

import httpx

from shotclock_launcher.following.api import Api
from shotclock_launcher.layout import Layout
from shotclock_launcher.running.stack import Stack

PROJECT = "shots"


@dataclass(frozen=True)
class Doors:
    """The stack, its users' passwords and tokens, and its administrator's API."""

    stack: Stack
    api: Api
    passwords: MappingProxyType[str, str]
    tokens: MappingProxyType[str, str]

    @property
    def layout(self) -> Layout:
        return self.stack.layout

    def ask(self, method: str, path: str, role: str | None = None, **content) -> httpx.Response:
        """A request to Airflow, with the role's token or without any; `content` is httpx's."""
        headers = {"Authorization": f"Bearer {self.tokens[role]}"} if role else {}
        headers |= content.pop("headers", {})
        with httpx.Client(timeout=60, trust_env=False) as client:
            return client.request(method, self.layout.address + path, headers=headers, **content)

    def state(self) -> dict[str, object]:
        """What an attack would have changed."""
        count = lambda path: self.api.get(path, limit=1)["total_entries"]  # noqa: E731
        dags = sorted((dag["dag_id"], dag["is_paused"]) for dag in self.api.listed("/dags", "dags"))
        runs = count(f"/dags/{PROJECT}.training/dagRuns"), count(f"/dags/{PROJECT}.rollback/dagRuns")
        kept = {name: count(f"/{name}") for name in ("connections", "variables", "pools")}
        return {"dags": dags, "runs": runs, **kept}
