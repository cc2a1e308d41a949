/**
 * For every server of the bench. By default Node's ends a request after 300 s, and with connections that break off in mid-request, as
 * callers' do at a cell's end, it then answers fresh ones with 408 as well (24.21, seen at 300 s after each start).
 */
export const NO_TIMEOUTS = { requestTimeout: 0, headersTimeout: 0 };

/** 500 callers come at once. Of more than the backlog (511 by default) the kernel lets some believe that they are connected, and resets them later. */
export const LISTEN = { port: 0, host: "127.0.0.1", backlog: 4_096 };
