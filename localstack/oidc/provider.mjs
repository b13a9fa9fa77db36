// The local platform's OpenID providers (panva/oidc-provider): one that looks like Pro Santé Connect, and a hospital's
// own, with groups. Nothing here is product code: the product knows issuers, claims and secrets only.
//
//   node provider.mjs configuration.json
//
// {"providers": [{"kind": "psc" | "groups", "port", "client_id", "client_secret", "redirect_uri", "accounts": [...]}]}
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";

const PSC_CLAIMS = [
  "SubjectNameID",
  "SubjectRole",
  "SubjectRefPro",
  "SubjectOrganization",
  "SubjectOrganizationID",
  "Secteur_Activite",
  "Palier_Authentification",
  "Mode_Acces_Raison",
  "family_name",
  "given_name",
  "preferred_username",
];
const ACR = { psc: "eidas1", groups: "" };
const CLAIMS = {
  psc: { openid: ["sub"], scope_all: PSC_CLAIMS },
  groups: { openid: ["sub"], profile: ["name", "preferred_username"], groups: ["groups"] },
};

function escaped(text) {
  return String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function page(title, accounts, uid) {
  const buttons = accounts.map(
    ({ id, label }) =>
      `<li><button name="account" value="${escaped(id)}" type="submit">${escaped(label)}</button></li>`,
  );
  return `<!doctype html><html lang="fr"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>${escaped(title)}</title>
<style>body{font:1.125rem/1.5 system-ui,sans-serif;max-width:34rem;margin:2rem auto;padding:0 1rem;color:#111}
ul{list-style:none;padding:0}button{font:inherit;width:100%;min-height:3rem;margin:.25rem 0;padding:.5rem 1rem;
text-align:left;border:1px solid #555;border-radius:.25rem;background:#fff;color:#111;cursor:pointer}
button:focus-visible{outline:3px solid #000091;outline-offset:2px}</style></head>
<body><main><h1>${escaped(title)}</h1>
<p>Fournisseur d’identité de la plateforme locale : choisissez un compte de démonstration.</p>
<form method="post" action="/interaction/${escaped(uid)}"><ul>${buttons.join("")}</ul></form></main></body></html>`;
}

async function grant(context) {
  const { client, session, provider } = context.oidc;
  const known = session.grantIdFor(client.clientId);
  if (known) return provider.Grant.find(known);
  const made = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  made.addOIDCScope("openid profile groups scope_all");
  await made.save();
  return made;
}

async function formOf(request) {
  let body = "";
  for await (const chunk of request) {
    body += chunk;
    if (body.length > 10_000) throw new Error("too long");
  }
  return new URLSearchParams(body);
}

async function configurationOf(own) {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  const byId = new Map(own.accounts.map((account) => [account.id, account]));
  return {
    clients: [
      {
        client_id: own.client_id,
        client_secret: own.client_secret,
        redirect_uris: [own.redirect_uri],
        grant_types: ["authorization_code"],
        response_types: ["code"],
        token_endpoint_auth_method: "client_secret_basic",
      },
    ],
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: "RS256", use: "sig" }] },
    findAccount: (_, id) => byId.has(id) && { accountId: id, claims: () => ({ ...byId.get(id).claims, sub: id }) },
    claims: { acr: null, auth_time: null, iss: null, sid: null, ...CLAIMS[own.kind] },
    scopes: ["openid", ...Object.keys(CLAIMS[own.kind])],
    acrValues: ACR[own.kind] ? [ACR[own.kind]] : [],
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    loadExistingGrant: grant,
    renderError: (context, out) => {
      context.type = "text/plain";
      context.body = `${out.error}: ${out.error_description ?? ""}`;
    },
    cookies: { keys: [own.client_secret] },
    ttl: { Session: 600, Interaction: 600, Grant: 600, AccessToken: 300, IdToken: 300 },
  };
}

async function serve(own) {
  const issuer = `http://127.0.0.1:${own.port}`;
  const provider = new Provider(issuer, await configurationOf(own));
  const callback = provider.callback();
  const ids = new Set(own.accounts.map((account) => account.id));
  async function interact(request, response, uid) {
    if (request.method !== "POST") {
      await provider.interactionDetails(request, response);
      response.setHeader("Content-Type", "text/html; charset=utf-8");
      response.end(page(own.title, own.accounts, uid));
      return;
    }
    const accountId = (await formOf(request)).get("account");
    if (!ids.has(accountId)) throw new Error("unknown account");
    const acr = ACR[own.kind];
    await provider.interactionFinished(request, response, { login: { accountId, remember: false, ...(acr && { acr }) } });
  }
  createServer((request, response) => {
    const found = /^\/interaction\/([A-Za-z0-9_-]{1,64})$/.exec(request.url);
    if (!found) {
      callback(request, response);
      return;
    }
    interact(request, response, found[1]).catch(() => {
      response.statusCode = 400;
      response.end("Recommencez la connexion depuis Sans Film.");
    });
  }).listen(own.port, "127.0.0.1", () => console.log(`${own.kind} ${issuer}`));
}

await Promise.all(JSON.parse(readFileSync(process.argv[2], "utf8")).providers.map(serve));
