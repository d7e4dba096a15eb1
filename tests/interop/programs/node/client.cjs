// A node-soap client that knows only the served WSDL. It makes the calls of a file and prints one JSON line for each.
// node client.cjs WSDL-URL USER SECRET CALLS.json
'use strict';
const fs = require('fs');
const soap = require('soap');

const [wsdl, user, secret, calls] = process.argv.slice(2);

// node-soap trims every text, the full-width space too, unless it is told not to; the price is white space in answers.
const options = { preserveWhitespace: !process.env.INTEROP_DEFAULTS, disableCache: true };

function faultOf(error) {
    const fault = error.root.Envelope.Body.Fault;
    const said = { faultcode: fault.faultcode, faultstring: fault.faultstring.$value ?? fault.faultstring };
    const shogai = fault.detail?.shogai;
    if (!shogai) return said;
    const findings = [shogai.shiteki ?? []].flat();
    return {
        ...said,
        kodo: shogai.kodo,
        bunmen_ja: shogai.bunmen_ja,
        shiteki: findings.map((one) => ({ kodo: one.kodo, komoku: one.komoku ?? '' })),
    };
}

async function main() {
    const read = {};
    for (const call of JSON.parse(fs.readFileSync(calls, 'utf8')).calls) {
        const client = await soap.createClientAsync(wsdl, options);
        client.setSecurity(new soap.BasicAuthSecurity(user, call.credential ?? secret));
        const said = { call: call.id };
        try {
            if (call.resident_of) {
                [said.receipt] = await client.ido_tsuchiAsync({ jumin: read[call.resident_of] });
            } else {
                const [answer] = await client[`${call.operation}Async`](call.arguments);
                const records = [answer?.jumin ?? []].flat();
                read[call.id] = records[0];
                said.jumin = records;
            }
        } catch (error) {
            if (error.root?.Envelope) said.fault = faultOf(error);
            else if (error.response) said.status = error.response.status;
            else throw error;
        }
        console.log(JSON.stringify(said));
    }
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
