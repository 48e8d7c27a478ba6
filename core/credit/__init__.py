"""Credit: may this order be fulfilled, and who says so where the rules don't.

rules       what the policy's [credit] says, as values
locks       nobody else decides about the customer, or its group, meanwhile
parts       what uses up a limit, read in one statement
exposure    what a customer owes and has on order, against its limit
verdict     an order's verdict by the rules; pure
route       who must agree, rung by rung; pure
orders      orders as they come in, change, are invoiced and end
groups      the limit that several customers share
requests    what waits for somebody's decision, and the decision
"""
