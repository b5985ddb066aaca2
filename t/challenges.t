# Where a script makes the error page, httpd puts all lines of a header into one. Challenges stay on
# lines of their own all the same: clients such as Chromium look at the first word of each.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use MIME::Base64 'encode_base64';
use NegTest;
use NegTest::Backend;
use NegTest::Httpd 'mpm';

use constant {
    NEGOTIATE => 'Negotiate',
    REJECT    => 'Negotiate oQcwBaADCgEC',
    BASIC     => 'Basic realm="both"',
    DIGEST    => 'Digest realm="own", nonce="n"',
};

my $fcgi_path = stage_dir() . '/challenges.sock';
my $php       = NegTest::Backend->php_fpm(stage_dir());
my $fcgi      = NegTest::Backend->has_fcgi ? NegTest::Backend->fcgi($fcgi_path) : undef;
my ($http, $ajp, $scgi, $uwsgi) = map { NegTest::Backend->$_ } qw(http ajp scgi uwsgi);

# Kind of script => where its requests go. By some protocols the backend's status is the answer's.
my %page = (
    $fcgi ? (fcgi => "unix:$fcgi_path|fcgi://localhost/") : (),
    $php  ? (php  => $php->{url}) : (),
);
my %own_status = (
    http  => "http://localhost:${\$http->port}/401/",
    ajp   => "ajp://localhost:${\$ajp->port}/401/",
    scgi  => "scgi://localhost:${\$scgi->port}/",
    uwsgi => "uwsgi://localhost:${\$uwsgi->port}/",
);

my $server = server(conf => configuration());
script('own.pl', qq{WWW-Authenticate: ${\DIGEST}\\r\\n});
script('again.pl', qq{WWW-Authenticate: ${\NEGOTIATE}\\r\\n});
write_file('users', "anna:\$apr1\$x\$none\n");
$server->start;

my @kinds = ('static', 'cgi', sort keys %page);

plan tests => 7 * @kinds + 2 * keys(%own_status) + 22;

sub configuration {
    my %to = (%page, %own_status);
    my $passes = join '', map { <<"CONF" } sort keys %to;
ProxyPass "/sorry/$_/" "$to{$_}"
<Location "/$_/">
    ErrorDocument 401 /sorry/$_/page
</Location>
CONF
    return <<'CONF' . $passes;
Protocols h2c http/1.1
AuthNegotiateKeytab "@keytab@"
Alias "/sorry/static/" "@stage@/htdocs/"
Alias "/page/" "@stage@/htdocs/"
ScriptAlias "/sorry/cgi/" "@stage@/cgi-bin/"
ScriptAlias "/sorry/own/" "@dir@/"
AliasMatch "^/\w+/(plain\.txt)$" "@stage@/htdocs/$1"
ProxyRequests On
<Directory "@dir@">
    Require all granted
</Directory>
<LocationMatch "^/(?!sorry/)">
    AuthType Negotiate
    AuthName "both"
    AuthNegotiateBasicProvider file
    AuthNegotiateRequireTLS Off
    AuthUserFile "@dir@/users"
    Require valid-user
</LocationMatch>
<Proxy "http://other.test/*">
    AuthType Negotiate
    AuthName "both"
    AuthNegotiateBasicProvider file
    AuthNegotiateRequireTLS Off
    AuthUserFile "@dir@/users"
    Require valid-user
    ErrorDocument 401 /sorry/cgi/env.pl
    ErrorDocument 407 /sorry/cgi/env.pl
</Proxy>
<Location "/static/">
    ErrorDocument 401 /sorry/static/index.html
</Location>
<LocationMatch "^/(cgi|edited|unset|set)/">
    ErrorDocument 401 /sorry/cgi/env.pl
</LocationMatch>
<Location "/own/">
    ErrorDocument 401 /sorry/own/own.pl
</Location>
<Location "/again/">
    ErrorDocument 401 /sorry/own/again.pl
</Location>
<Location "/sorry/cgi/">
    Header always edit WWW-Authenticate "^Basic .*" "Basic realm=\"edited\"" "expr=%{reqenv:REDIRECT_URL} =~ m#^/edited/#"
    Header always unset WWW-Authenticate "expr=%{reqenv:REDIRECT_URL} =~ m#^/unset/#"
    Header always set WWW-Authenticate "Negotiate, Basic realm=\"set\"" "expr=%{reqenv:REDIRECT_URL} =~ m#^/set/#"
</Location>
<LocationMatch "^/only/">
    AuthNegotiateBasicProvider off
    ErrorDocument 401 /sorry/own/own.pl
</LocationMatch>
CONF
}

sub write_file {
    my ($name, $text, $mode) = @_;
    my $file = $server->dir . "/$name";
    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out;
    chmod $mode || 0644, $file;
    return;
}

sub script {
    my ($name, $headers) = @_;
    return write_file($name, qq{#!/bin/sh\nprintf '${headers}Content-Type: text/plain\\r\\n\\r\\nthe script\\n'\n}, 0755);
}

sub get { my ($path, @headers) = @_; return http(port => $server->port)->get($path, @headers) }

sub both { my ($r, $what, @challenges) = @_; is_deeply [ $r->challenges ], \@challenges, $what or diag $r->head; return }

for my $kind (@kinds) {
    my $r = get("/$kind/plain.txt");
    is $r->status, 401, "a page of $kind: 401";
    isnt $r->body, '', '... the page' or diag $r->head;
    both($r, '... a line for each challenge', NEGOTIATE, BASIC);
    both(get("/$kind/plain.txt", Authorization => negotiate('junk')), '... also after a token that was refused', REJECT, BASIC);
    both(get("/$kind/plain.txt", Authorization => 'Basic ' . encode_base64('anna:wrong', '')), '... and after a password', NEGOTIATE, BASIC);
    $r = get("/$kind/plain.txt", Authorization => initiator('alice')->authorization);
    is $r->status, 200, '... which is not for alice';
    is scalar(my @lines = $r->challenges), 1, '... who gets our final token';
}

for my $kind (sort keys %own_status) {
    my $r = get("/$kind/401/plain.txt");
    is $r->status, 401, "a 401 of $kind";
    both($r, '... a line for each challenge, and for the backend\'s', NEGOTIATE, BASIC, NegTest::Backend::CHALLENGE);
}

both(get('/own/plain.txt'), 'a challenge of the script\'s own has its line, too', NEGOTIATE, BASIC, DIGEST);
both(get('/only/plain.txt'), '... beside one of ours', NEGOTIATE, DIGEST);
both(get('/again/plain.txt'), 'one that repeats ours is not repeated', NEGOTIATE, BASIC);

# What is written for the header on purpose is done, line for line, as with every other page.
both(get('/edited/plain.txt'), 'Header edit', NEGOTIATE, 'Basic realm="edited"');
both(get('/unset/plain.txt'), 'Header unset');
both(get('/set/plain.txt'), 'Header set', 'Negotiate, Basic realm="set"');

SKIP: {
    skip 'no HTTP/2 here', 1 if mpm() eq 'prefork' || curl(ccache('alice'), '--version') !~ /\bHTTP2\b/;
    my @lines = curl(ccache('alice'), '--http2-prior-knowledge', '-i', $server->url('/cgi/plain.txt')) =~ /^www-authenticate: (.*?)\r?$/mgi;
    is_deeply \@lines, [ NEGOTIATE, BASIC ], 'HTTP/2';
}

{
    my $r = http(port => $server->port, host => 'other.test')->get('http://other.test/x');
    is $r->status, 407, 'a forward proxy: 407';
    like $r->body, qr/^REDIRECT_STATUS=407$/m, '... the page is a script\'s';
    is_deeply [ $r->header('Proxy-Authenticate') ], [ NEGOTIATE, BASIC ], '... a line for each challenge' or diag $r->head;
    is_deeply [ $r->challenges ], [], '... of a proxy alone';
}

# Clients that look at the first challenge of a line.
{
    my $page = $server->url('/cgi/plain.txt');
    my $said = curl(ccache('alice'), '--anyauth', '-u', ':', '-o', '/dev/null', '-w', '%{http_code}', $page);
    is $said, 200, 'curl --anyauth';
}

# Several at once, on one connection.
{
    my $http = http(port => $server->port);
    for my $kind (qw(cgi own static)) {
        my $r = $http->get("/$kind/plain.txt");
        is_deeply [ ($r->challenges)[ 0, 1 ] ], [ NEGOTIATE, BASIC ], "one after the other: $kind";
        $r = $http->get("/$kind/plain.txt", Authorization => initiator('alice')->authorization);
        is $r->status, 200, '... 200';
    }
}

# A 401 that nobody's script makes.
both(get('/page/plain.txt'), 'httpd\'s own page', NEGOTIATE, BASIC);
is get('/sorry/cgi/env.pl')->status, 200, 'the page itself is open';
both(get('/sorry/own/own.pl'), '... and its header is its own', DIGEST);

is_deeply [ $server->log->crashes ], [], 'nobody died';
