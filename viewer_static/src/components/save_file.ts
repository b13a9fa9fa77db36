/** Has the browser keep what lies at an address, under a name. */
export function saveAs(address: string, name: string): void {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}

/** Has the browser keep a file. */
export function saveFile(content: Blob, name: string): void {
  const address = URL.createObjectURL(content);
  saveAs(address, name);
  // The download has begun with the click; a little later nobody needs the address.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
