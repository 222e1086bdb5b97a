// Messages printed for debugging, without the secrets in those that are sent. Python: simulcast/gateway/printing.py.

const SECRET = /"(token|bearer|password|proxy|headers)":("(?:[^"\\]|\\.)*"|\{(?:"(?:[^"\\]|\\.)*"|[^"}])*\})/g;

export function printSent(text) {
  console.log(`gateway > ${text.replace(SECRET, '"$1":"…"')}`);
}

export function printReceived(text) {
  console.log(`gateway < ${text}`);
}
