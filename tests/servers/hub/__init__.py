"""A Hugging Face Hub on this machine, for datasets: `with serving(folder) as hub: HfApi(endpoint=hub.url)`.

It was written after what the clients send and want (huggingface_hub 2.4, hf_xet 1.8, datasets 5.2) and what is known of
the Hub. The state can be read and changed by tests (`hub.repository("alice/data")`), and requests can go wrong
(`hub.fault("POST", "/commit/", drop_after)`).
"""

from tests.servers.hub.faults import cut, delay, drop_after, drop_before, drop_midbody, expired, flip, status
from tests.servers.hub.server import Hub, Request, serving
from tests.servers.hub.state import Commit, Entry, PullRequest, Repository

__all__ = [
    "Commit",
    "Entry",
    "Hub",
    "PullRequest",
    "Repository",
    "Request",
    "cut",
    "delay",
    "drop_after",
    "drop_before",
    "drop_midbody",
    "expired",
    "flip",
    "serving",
    "status",
]
