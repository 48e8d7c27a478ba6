// The official Node SDK against the fake: node node_client.cjs <node_modules> <url> <client id> <client secret>
// The SDK's addresses are hard-coded, so they are changed in the axios which it shares with us. The SDK is untouched.
const [modules, fake, clientId, clientSecret] = process.argv.slice(2);
const need = require("module").createRequire(modules + "/");
const axios = need("axios");
const { DWClient } = need("dingtalk-stream");

axios.interceptors.request.use((config) => {
  config.url = config.url.replace(/^https:\/\/(api|oapi)\.dingtalk\.com/, fake);
  return config;
});

const client = new DWClient({ clientId, clientSecret });
client.registerCallbackListener("/v1.0/im/bot/messages/get", async (frame) => {
  const said = JSON.parse(frame.data);
  const token = await client.getAccessToken();
  const body = { msgtype: "text", text: { content: "node: " + said.text.content } };
  await axios.post(said.sessionWebhook, body, { headers: { "x-acs-dingtalk-access-token": token } });
  client.socketCallBackResponse(frame.headers.messageId, "OK");
});
client.registerCallbackListener("/v1.0/card/instances/callback", (frame) => {
  const action = JSON.parse(JSON.parse(frame.data).content).cardPrivateData.actionIds[0];
  client.socketCallBackResponse(frame.headers.messageId, {
    cardUpdateOptions: { updateCardDataByKey: true },
    cardData: { cardParamMap: { status_text: "node: " + action } },
  });
});
client.connect();
