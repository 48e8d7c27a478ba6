"""Everything of huikuan that talks to the outside: messengers, mail, the web, the command line.

`core` decides what is true and what must be said; `bot` says it and listens. A message goes
views -> templates -> card -> fit -> adapter; a tap or a typed word goes adapter -> inbound -> core.actions.
"""
