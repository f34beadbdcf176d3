// A provider of OpenID Connect on loopback: npm's oidc-provider with its own pages, and the people that it is given.
import Provider from 'oidc-provider';

const asked = JSON.parse(process.argv[2]);
const people = asked.people;
const provider = new Provider(asked.issuer, {
  clients: [{
    client_id: 'millrace', client_secret: asked.secret, redirect_uris: [`${asked.console}/oidc/callback`],
    post_logout_redirect_uris: [`${asked.console}/login`], grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  }],
  conformIdTokenClaims: false,
  scopes: ['openid', 'email', 'groups', 'offline_access'],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'] },
  findAccount: (ctx, id) => people[id] && { accountId: id, claims: async () => ({ sub: id, ...people[id] }) },
  pkce: { required: () => true },
  issueRefreshToken: async () => true,
  rotateRefreshToken: true,
  ttl: { IdToken: asked.seconds, AccessToken: asked.seconds, RefreshToken: 3600, Session: 3600, Grant: 3600, Interaction: 600 },
  features: { devInteractions: { enabled: true }, revocation: { enabled: true }, rpInitiatedLogout: { enabled: true } },
  cookies: { keys: ['only for a test'] },
});
provider.listen(Number(new URL(asked.issuer).port), '127.0.0.1', () => process.stdout.write('listening\n'));
