// A node-soap provider behind the bus. Everything it needs stands in the environment: INTEROP_PORT, INTEROP_WSDL,
// INTEROP_SECRET, INTEROP_CASES (what it knows), INTEROP_NOTICES (where it writes what it was told).
'use strict';
const fs = require('fs');
const http = require('http');
const soap = require('soap');

const { INTEROP_PORT, INTEROP_WSDL, INTEROP_SECRET, INTEROP_CASES, INTEROP_NOTICES, INTEROP_DEFAULTS } = process.env;
const cases = JSON.parse(fs.readFileSync(INTEROP_CASES, 'utf8'));
const credential = `Basic ${Buffer.from(`chiikibus:${INTEROP_SECRET}`).toString('base64')}`;

function refuse(atenabango) {
    if (atenabango !== cases.vendor_fault.atenabango) return;
    throw { Fault: { faultcode: 'soap:Server', faultstring: cases.vendor_fault.faultstring } };
}

const operations = {
    jumin_shokai({ atenabango }) {
        refuse(atenabango);
        if (atenabango === cases.crash) throw new Error('a defect');
        return { jumin: cases.residents[atenabango] };
    },
    setai_shokai({ setaibango }) {
        return { jumin: (cases.households[setaibango] ?? []).map((number) => cases.residents[number]) };
    },
    ido_tsuchi({ jumin }, callback, headers, request) {
        refuse(jumin.atenabango);
        fs.appendFileSync(INTEROP_NOTICES, `${JSON.stringify(jumin)}\n`);
        // The items of a receipt are of another namespace than the receipt: their prefix is declared and written here.
        return {
            attributes: { 'xmlns:c': 'urn:chiikibus:standard:1.0:common' },
            'c:messageid': request.headers['chiikibus-message-id'],
            'c:uketsukebango': 'node-1',
            'c:uketsuke_nichiji': new Date().toISOString(),
        };
    },
};

async function main() {
    const xml = await (await fetch(INTEROP_WSDL)).text();
    const server = http.createServer((request, response) => response.writeHead(404).end());
    // node-soap takes requests only when it has read what the description imports; before, they would be 404.
    const callback = () => server.listen(Number(INTEROP_PORT), '127.0.0.1');
    const options = { path: '/soap', services: { juki: { juki: operations } }, xml, uri: INTEROP_WSDL, callback };
    const listener = soap.listen(server, options);
    // Without this the full-width spaces at the ends of a name are gone before the program sees it. As an option of
    // listen() it has no effect.
    listener.wsdl.options.preserveWhitespace = !INTEROP_DEFAULTS;
    listener.authorizeConnection = (request, response) => {
        if (request.headers.authorization === credential) return true;
        response.writeHead(401).end();
        return false;
    };
}

main();
