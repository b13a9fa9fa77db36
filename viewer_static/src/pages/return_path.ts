/** Where to go after signing in: a path on this host, never another one. */
export function safeReturnPath(path: string | undefined, origin: string): string {
  if (!path?.startsWith("/")) return "/";
  const url = new URL(path, origin);
  if (url.origin !== origin || url.pathname.startsWith("/sign-in")) return "/";
  return url.pathname + url.search + url.hash;
}
