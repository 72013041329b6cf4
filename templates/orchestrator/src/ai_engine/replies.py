"""The reply to a message: the same words always get the same answer, and nothing leaves the process."""

import asyncio

_TOPICS = (
    (
        ("appointment", "book", "visit"),
        "Of course. Which day suits you best? We are open Monday to Friday, 9 to 18.",
    ),
    (("price", "cost", "much"), "A first consultation is free; we quote anything further before it starts."),
    (("hour", "open", "close"), "We are open Monday to Friday from 9 to 18 o'clock."),
    (("cancel", "move", "resched"), "No problem. Tell me the date of your appointment and I will change it."),
    (("hello", "hi ", "good "), "Hello! How can I help you today?"),
)
_OTHERWISE = "Thank you, I have noted that and a colleague will get back to you."


async def reply_to(message: str, name: str) -> str:
    """Return a reply signed with the tenant's name, after the few milliseconds that thinking takes."""
    await asyncio.sleep(0.002 + min(len(message), 400) / 100_000)
    words = f"{message.lower()} "
    answer = next((text for stems, text in _TOPICS if any(stem in words for stem in stems)), _OTHERWISE)
    return f"{answer} ({name})"
