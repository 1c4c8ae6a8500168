"""How well something is found: measures, judged questions, and documents ranked exactly. Pure, without the ORM."""
