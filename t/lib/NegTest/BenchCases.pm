package NegTest::BenchCases;

# What t/bench/run measures, and what is to be reached.

use strict;
use warnings;

use Exporter 'import';
use MIME::Base64 'encode_base64';

our @EXPORT_OK = qw(cases conf goals);

my $BASIC = 'Authorization: Basic ' . encode_base64('alice:alice', '');

# name   what goals and the command line call it
# label  what the table calls it
# path   the location, and conf what it has beside AuthType, AuthName and Require
# load   options of t/bench/load; accept: those of t/bench/accept, instead of a server
# ccache whose ticket, where it is not alice's
# server main, or stock: with Debian's krb5.conf; port: of a virtual host
# full   not in a quick run: what takes long
sub cases {
    my (%opt) = @_;
    my @each  = (-t => 'each');
    my @first = (-t => 'first');
    my @cases = (
        { name => 'page', label => 'unprotected page', path => 'plain', instructions => 1 },
        { name => 'page-open', label => 'unprotected page in a section of its own', path => 'open', conf => '', open => 1, instructions => 1 },
        httpds('page-basic', "page of httpd's mod_auth_basic", load => [ -H => $BASIC ], instructions => 1),
        httpds('401-basic', "401 of httpd's mod_auth_basic", load => [ -s => 401 ], instructions => 1),
        ours('401', '401', 'negotiate', '', load => [ -s => 401 ], instructions => 1),
        peer('401-peer', '401', 'peer', '', load => [ -s => 401 ]),

        ours('negotiate', 'Negotiate on every request', 'negotiate', '', load => \@each, instructions => 1),
        ours('negotiate-memory', 'Negotiate, AuthNegotiateReplayCache memory', 'memory', '', load => \@each,
            instructions => 1, server => 'memory', server_conf => "DefaultRuntimeDir %runtime%\nAuthNegotiateReplayCache memory"),
        { name => 'page-memory', label => 'unprotected page, beside AuthNegotiateReplayCache memory', path => 'plain', server => 'memory' },
        ours('negotiate-shmcb', 'Negotiate, AuthNegotiateReplayCache shmcb', 'shmcb', '', load => \@each,
            port => 'shmcb', server_conf => 'AuthNegotiateReplayCache shmcb:@dir@/replay(8388608)'),
        peer('negotiate-peer', 'Negotiate on every request', 'peer', '', load => \@each, instructions => 1),
        peer('negotiate-peer-alone', 'Negotiate on every request, alone', 'peer', '', load => \@each, server => 'alone'),
        peer('negotiate-peer-alone-stock', 'Negotiate on every request, alone, stock', 'peer', '', load => \@each, server => 'alone-stock'),
        bare('bare', 'GSSAPI alone in httpd, default replay cache', '', load => \@each),
        bare('bare-none', 'GSSAPI alone in httpd, no replay cache', 'none:', load => \@each, instructions => 1),
        { name => 'limit', label => 'GSSAPI alone, default replay cache', accept => [] },
        { name => 'limit-none', label => 'GSSAPI alone, no replay cache', accept => [ -r => 'none:' ] },
        { name => 'limit-2', label => 'GSSAPI alone, two threads', accept => [ -t => 2 ] },
        { name => 'limit-2-processes', label => 'GSSAPI alone, two processes', accept => [ -p => 2 ] },

        (map { many_keys(@$_, \@each) } [ \&ours, '' ], [ \&peer, '-peer' ]),
        (map { stock(@$_, \@each) } [ \&ours, '' ], [ \&peer, '-peer' ]),
        { name => 'page-stock', label => "unprotected page, Debian's krb5.conf", path => 'plain', server => 'stock' },
        { name => 'limit-stock', label => "GSSAPI alone, Debian's krb5.conf", accept => [], server => 'stock' },

        ours('indicator', 'a ticket with an indicator, Require auth-indicator', 'indicator', 'Require auth-indicator spake',
            load => \@each, ccache => 'indicated'),
        (map { groups($_, \@each) } 0, 100, 500),
        ours('groups-unread', 'a ticket with 500 groups that nobody asks for', 'negotiate', '', load => \@each,
            ccache => 'groups-500'),
        peer('groups-peer', 'a ticket with 500 groups that nobody asks for', 'peer', '', load => \@each,
            ccache => 'groups-500'),

        ours('connection', 'kept for the connection', 'connection', 'AuthNegotiatePersist On', load => \@first, instructions => 1),
        peer('connection-peer', 'kept for the connection', 'peer-connection', 'GssapiConnectionBound On', load => \@first,
            instructions => 1),
        ours('cookie', 'session cookie', 'cookie', 'AuthNegotiateSession On', load => [ @first, '-k' ], instructions => 1),
        peer('cookie-peer', 'session cookie', 'peer-cookie',
            "GssapiUseSessions On\nSession On\nSessionCookieName gssapi path=/;httponly", load => [ @first, '-k' ],
            instructions => 1),
        ours('basic', 'Basic, not cached', 'basic', "AuthNegotiateRequireTLS Off\nAuthNegotiateBasicProvider kerberos",
            load => [ -H => $BASIC ], requests => 100),
        ours('basic-cached', 'Basic, cached by mod_authn_socache', 'basic-cached',
            "AuthNegotiateRequireTLS Off\nAuthNegotiateBasicProvider socache kerberos\nAuthNegotiateUser strip\n"
              . 'AuthnCacheProvideFor kerberos',
            load => [ -H => $BASIC ], requests => 100, server_conf => "AuthnCacheEnable\nAuthnCacheSOCache shmcb"),
        ours('file-basic', "Basic, httpd's provider file", 'basic-file',
            "AuthNegotiateRequireTLS Off\nAuthNegotiateBasicProvider file\nAuthUserFile \@stage\@/users", load => [ -H => $BASIC ]),
        peer('basic-peer', 'Basic, not cached', 'peer-basic', "GssapiBasicAuth On\nGssapiBasicAuthMech krb5",
            load => [ -H => $BASIC ], requests => 100),
        ours('delegate', 'delegation to FILE', 'delegate', 'AuthNegotiateDelegate FILE:@stage@/delegated',
            load => [ @each, '-d' ]),
        peer('delegate-peer', 'delegation to FILE', 'peer-delegate', 'GssapiDelegCcacheDir @stage@/delegated',
            load => [ @each, '-d' ]),

        (map { connections($_, \@each) } 2, 4, 16),

        { name => 'page-tls', label => 'unprotected page, TLS', path => 'plain', load => ['-T'], port => 'tls' },
        ours('negotiate-tls', 'Negotiate on every request, TLS', 'negotiate', '', load => [ @each, '-T' ], port => 'tls'),
        ours('connection-tls', 'kept for the connection, TLS', 'connection', 'AuthNegotiatePersist On', load => [ @first, '-T' ],
            port => 'tls'),
        { name => 'page-h2', label => 'unprotected page, HTTP/2', path => 'plain', port => 'tls', h2 => '2xx' },
        ours('401-h2', '401, HTTP/2', 'negotiate', '', port => 'tls', h2 => '4xx'),

        (map { idle($_) } 1000, 10_000),
        ours('growth-negotiate', 'growth, Negotiate', 'negotiate', '', load => \@each, growth => 100_000, full => 1),
        ours('growth-connection', 'growth, kept for the connection', 'connection', 'AuthNegotiatePersist On', load => \@first,
            growth => 100_000, full => 1),
        ours('growth-401', 'growth, 401', 'negotiate', '', load => [ -s => 401 ], growth => 100_000, full => 1),
    );
    return grep { $opt{peer} || !$_->{peer} } @cases;
}

sub ours {
    my ($name, $label, $path, $conf, %more) = @_;
    return { name => $name, label => $label, path => $path, type => 'Negotiate', %more,
        conf => "AuthNegotiateKeytab \"" . ($more{keytab} || '@keytab@') . "\"\n$conf" };
}

sub peer {
    my ($name, $label, $path, $conf, %more) = @_;
    return { name => $name, label => "$label (mod_auth_gssapi)", path => $path, type => 'GSSAPI', peer => 1, %more,
        conf => "GssapiCredStore \"keytab:" . ($more{keytab} || '@keytab@') . "\"\nGssapiAllowedMech krb5\n$conf" };
}

# httpd's own authentication, with a password that costs next to nothing.
sub httpds {
    my ($name, $label, %more) = @_;
    return { name => $name, label => $label, path => 'authbasic', type => 'Basic', %more,
        conf => "AuthBasicProvider file\nAuthUserFile \@stage\@/users" };
}

# A page to which GSSAPI alone is added: t/bench/mod_bench_bare.c.
sub bare {
    my ($name, $label, $rcache, %more) = @_;
    return { name => $name, label => $label, path => $name, open => 1, conf => "BenchBare \@keytab\@ $rcache", %more };
}

sub groups {
    my ($n, $each) = @_;
    return ours("groups-$n", "a ticket with $n groups, Require pac-group", 'groups', 'Require pac-group S-1-5-21-1-2-3-513',
        load => $each, ccache => "groups-$n", instructions => $n != 100);
}

sub many_keys {
    my ($maker, $suffix, $each) = @_;
    return $maker->("keys$suffix", 'keytab of 42 keys', "many$suffix", '', load => $each,
        keytab => '@stage@/keytab/many.keytab', instructions => !$suffix);
}

sub stock {
    my ($maker, $suffix, $each) = @_;
    return $maker->("stock$suffix", "Debian's krb5.conf", "stock$suffix", '', load => $each, server => 'stock');
}

sub connections {
    my ($n, $each) = @_;
    return (
        { name => "page-$n", label => "unprotected page, $n connections", path => 'plain', load => [ -c => $n ] },
        ours("negotiate-$n", "Negotiate, $n connections", 'negotiate', '', load => [ @$each, -c => $n ]),
        peer("negotiate-peer-$n", "Negotiate, $n connections", 'peer', '', load => [ @$each, -c => $n ]),
    );
}

sub idle {
    my ($n) = @_;
    my @load = ('-i', -t => 'first');
    my @full = $n > 1000 ? (full => 1) : ();
    return (
        { name => "idle-page-$n", label => "$n idle connections, unprotected page", path => 'plain', load => ['-i'], idle => $n, @full },
        httpds("idle-basic-$n", "$n idle connections, httpd's mod_auth_basic", load => [ '-i', -H => $BASIC ], idle => $n, @full),
        ours("idle-$n", "$n idle connections, kept identities", 'connection', 'AuthNegotiatePersist On', load => \@load, idle => $n,
            @full),
        peer("idle-peer-$n", "$n idle connections, kept identities", 'peer-connection', 'GssapiConnectionBound On', load => \@load,
            idle => $n, @full),
    );
}

# --- httpd's configuration -------------------------------------------------------

sub conf {
    my ($modules, $port, $cases) = @_;
    my %seen;
    my @locations = map { location($_) } grep { defined $_->{conf} && !$seen{ $_->{path} }++ } @$cases;
    my $aliases = join '', map { "Alias \"/$_/\" \"\@documentroot\@/\"\n" } 'plain', map { $_->{path} } grep { defined $_->{conf} } @$cases;
    my %own   = map { $_->{port} => $_ } grep { $_->{server_conf} && $_->{port} } @$cases;
    my $whole = join '', map { "$_->{server_conf}\n" =~ s/%runtime%/$port->{runtime}/r } grep { $_->{server_conf} && !$_->{port} } @$cases;
    my $hosts = join '', map { "Listen 127.0.0.1:$port->{$_}\n<VirtualHost 127.0.0.1:$port->{$_}>\n    $own{$_}{server_conf}\n</VirtualHost>\n" }
      sort keys %own;
    return join '', $modules, $whole, $aliases, @locations, $hosts, tls($port);
}

sub location {
    my ($case) = @_;
    return "<Location \"/$case->{path}/\">\n    $case->{conf}\n    Require all granted\n</Location>\n" if $case->{open};
    my $lines = join '', map { "    $_\n" } "AuthType $case->{type}", 'AuthName "bench"', split(/\n/, $case->{conf}), 'Require valid-user';
    return "<Location \"/$case->{path}/\">\n$lines</Location>\n";
}

sub tls {
    my ($port) = @_;
    return <<"TLS";
Listen 127.0.0.1:$port->{tls}
<VirtualHost 127.0.0.1:$port->{tls}>
    Protocols h2 http/1.1
    SSLEngine On
    SSLCertificateFile "$port->{crt}"
    SSLCertificateKeyFile "$port->{key}"
</VirtualHost>
TLS
}

# --- goals -------------------------------------------------------------------------

# Of each round's figures, by the cases' names. A goal is told when all that it needs was measured.
sub goals {
    my $auth = sub { my ($v, $case) = @_; return $v->{$case}{cpu} - $v->{page}{cpu} };
    return (
        [ 'Negotiate, default cache, requests/s against mod_auth_gssapi', '>=', 2.0, [qw(negotiate negotiate-peer)],
            sub { $_[0]{negotiate}{rate} / $_[0]{'negotiate-peer'}{rate} } ],
        [ 'the same, server CPU', '<=', 0.40, [qw(negotiate negotiate-peer)],
            sub { $_[0]{negotiate}{cpu} / $_[0]{'negotiate-peer'}{cpu} } ],
        [ 'Negotiate, memory, requests/s against mod_auth_gssapi', '>=', 2.0, [qw(negotiate-memory negotiate-peer)],
            sub { $_[0]{'negotiate-memory'}{rate} / $_[0]{'negotiate-peer'}{rate} } ],
        [ 'the same, server CPU', '<=', 0.40, [qw(negotiate-memory negotiate-peer)],
            sub { $_[0]{'negotiate-memory'}{cpu} / $_[0]{'negotiate-peer'}{cpu} } ],
        [ 'cost above the page against GSSAPI alone, default replay cache', '<=', 1.20, [qw(negotiate page limit)],
            sub { $auth->($_[0], 'negotiate') / $_[0]{limit}{cpu} } ],
        [ 'cost above the page, memory, against GSSAPI alone without one', '<=', 1.20, [qw(negotiate-memory page-memory limit-none)],
            sub { ($_[0]{'negotiate-memory'}{cpu} - $_[0]{'page-memory'}{cpu}) / $_[0]{'limit-none'}{cpu} } ],
        [ 'kept for the connection, requests/s against the page', '>=', 0.99, [qw(connection page)],
            sub { $_[0]{connection}{rate} / $_[0]{page}{rate} } ],
        [ "the same, against a page of httpd's mod_auth_basic", '>=', 0.99, [qw(connection page-basic)],
            sub { $_[0]{connection}{rate} / $_[0]{'page-basic'}{rate} } ],
        [ 'session cookie, requests/s against the page', '>=', 0.93, [qw(cookie page)],
            sub { $_[0]{cookie}{rate} / $_[0]{page}{rate} } ],
        [ "401, requests/s against mod_auth_basic's", '>=', 0.98, [qw(401 401-basic)],
            sub { $_[0]{401}{rate} / $_[0]{'401-basic'}{rate} } ],
        [ 'Basic cached, requests/s against the page', '>=', 0.85, [qw(basic-cached page)],
            sub { $_[0]{'basic-cached'}{rate} / $_[0]{page}{rate} } ],
        [ 'keytab of 42 keys, CPU against 2 keys', '<=', 1.05, [qw(keys negotiate)],
            sub { $_[0]{keys}{cpu} / $_[0]{negotiate}{cpu} } ],
        [ 'two threads, tokens/s of GSSAPI alone against one', '>=', 1.7, [qw(limit-2 limit)],
            sub { $_[0]{'limit-2'}{rate} / $_[0]{limit}{rate} } ],
        [ 'the same, two processes', '>=', 1.7, [qw(limit-2-processes limit)],
            sub { $_[0]{'limit-2-processes'}{rate} / $_[0]{limit}{rate} } ],
        [ 'a kept identity, bytes a connection above the page (1,000)', '<=', 1024, [qw(idle-1000 idle-page-1000)],
            sub { $_[0]{'idle-1000'}{memory} - $_[0]{'idle-page-1000'}{memory} } ],
        [ 'a kept identity, bytes a connection above the page (10,000)', '<=', 1024, [qw(idle-10000 idle-page-10000)],
            sub { $_[0]{'idle-10000'}{memory} - $_[0]{'idle-page-10000'}{memory} } ],
        [ "the same, above a page of httpd's mod_auth_basic", '<=', 1024, [qw(idle-10000 idle-basic-10000)],
            sub { $_[0]{'idle-10000'}{memory} - $_[0]{'idle-basic-10000'}{memory} } ],
    );
}

1;

__END__

=head1 NAME

NegTest::BenchCases - the cases, the configuration and the goals of t/bench/run

=cut
