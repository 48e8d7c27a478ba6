// A small product with Bolt for Node; its argument is the node_modules directory that holds @slack/bolt.
const { App } = require(process.argv[2] + '/@slack/bolt');

const app = new App({
  token: process.env.BOT,
  appToken: process.env.APP,
  socketMode: true,
  logLevel: 'error',
  clientOptions: { slackApiUrl: process.env.API },
});
const form = JSON.parse(process.env.FORM);
const button = { type: 'button', action_id: 'todo.form', text: { type: 'plain_text', text: 'OK' } };

app.command('/balance', async ({ ack, command, respond }) => {
  await ack('余额 ' + command.text);
  await respond({ text: '详情', replace_original: false });
});
app.action('todo.form', async ({ ack, body, client }) => {
  await ack();
  await client.views.open({ trigger_id: body.trigger_id, view: form });
});
app.view('claim', async ({ ack, view }) => {
  const tooMuch = Number(view.state.values.amt.n.value) > 100;
  await (tooMuch ? ack({ response_action: 'errors', errors: { amt: '超过欠款' } }) : ack());
});
app.event('app_home_opened', async ({ event, client }) => {
  await client.views.publish({ user_id: event.user, view: { type: 'home', blocks: [{ type: 'divider' }] } });
});
app.message(async ({ message, client }) => {
  await client.chat.postMessage({
    channel: message.channel,
    text: 'card',
    blocks: [{ type: 'actions', elements: [button] }],
    metadata: { event_type: 't', event_payload: { a: '1' } },
  });
});
app.start();
