"""Credit: may this order be fulfilled, and who says so where the rules don't.

rules       what the policy's [credit] says, as values
exposure    what a customer owes and has on order, against its limit
verdict     an order's verdict by the rules; pure
route       who must agree, rung by rung; pure
orders      orders as they come in, change, are invoiced and end
requests    what waits for somebody's decision, and the decision
"""
